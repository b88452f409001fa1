/**
 * What is published one by one, as one stream with several tracks. This example shows how to:
 *  1. join renditions and languages, each under an id of its own;
 *  2. join them again when another one comes, while the players stay;
 *  3. give each player the tracks that it asks for.
 *
 *   npm run build && node dist/examples/join-tracks.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffmpeg -re -i large.flv -c copy -f flv rtmp://127.0.0.1/live/film_large
 *   ffmpeg -re -i german.flv -c copy -f flv rtmp://127.0.0.1/live/film_german
 *   ffplay 'rtmp://127.0.0.1/joined/film?videoTrack=1&audioTrack=1'       or ?tracks=all for FFmpeg 8
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, joinTracks, LiveStreams, Refused } from 'rtmpipe'

const ids = { '': { video: 0, audio: 0 }, _large: { video: 1 }, _german: { audio: 1 } }
const lives = new LiveStreams()
const report = (error?: Error | null) => error && console.log(error.message)

/** The tracks that are published now. */
function join(name: string): void {
  const sources = Object.entries(ids).flatMap(([ending, track]) => {
    const live = lives.find(`live/${name}${ending}`)
    return live?.isPublished ? [{ source: live.subscribe(), ...track }] : []
  })
  console.log(`joined/${name} has ${sources.length} sources`)
  pipeline(joinTracks(sources), lives.get(`joined/${name}`).input({ takeover: true }), () => {})
}

const server = createServer(session => {
  session.on('publish', async publish => {
    if (publish.app !== 'live') throw new Refused('NetStream.Publish.Denied', 'publish to /live')
    pipeline(publish.accept(), await lives.publish(publish.path), report)
    join(publish.name.replace(/_(large|german)$/, ''))
  })
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
})
server.on('sessionError', report)

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
