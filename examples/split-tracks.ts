/**
 * The video tracks of an encoder as streams of their own. This example shows how to:
 *  1. tell OBS which tracks to send, and at the publish which answer it has followed;
 *  2. publish each track under a name of its own, for players that do not know Multitrack;
 *  3. publish all of them as they came, for players that do.
 *
 *   npm run build && node dist/examples/split-tracks.js [PORT]
 *   obs --config-url http://127.0.0.1:1935/go-live     with Twitch as the service
 *   ffplay rtmp://127.0.0.1/live/KEY_720p              or KEY_360p; live/KEY has all tracks
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, type GoLiveLadder, goLive, LiveStreams, splitTracks, tap } from 'rtmpipe'

const x264 = (width: number, height: number, bitrate: number) => ({
  type: 'obs_x264',
  width,
  height,
  framerate: { numerator: 30, denominator: 1 },
  settings: { rate_control: 'CBR', bitrate, keyint_sec: 2, preset: 'veryfast' }
})
const ladder = (host = ''): GoLiveLadder => ({
  ingest_endpoints: [{ protocol: 'RTMP', url_template: `rtmp://${host}/live/{stream_key}` }],
  encoder_configurations: [x264(1280, 720, 3000), x264(640, 360, 800)],
  audio_configurations: { live: [{ codec: 'aac', track_id: 0, channels: 2, settings: { bitrate: 160 } }] }
})
const configure = goLive((_request, { headers }) => ladder(headers.host))

const lives = new LiveStreams()
const report = (error?: Error | null) => error && console.log(error.message)

const server = createServer({ http: configure }, session => {
  session.on('publish', async publish => {
    const { path } = publish
    console.log(`${path} follows ${publish.query.get('clientConfigId') ?? 'no configuration'}`)
    const split = splitTracks()
    pipeline(publish.accept(), tap(await lives.publish(path)), split, report)
    for await (const { trackId, codec, width, height, stream } of split) {
      const name = `${path}_${height === undefined ? trackId : `${height}p`}`
      console.log(`${name}: ${codec}, ${width}x${height}`)
      pipeline(stream, await lives.publish(name), report)
    }
  })
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
})
server.on('sessionError', report)

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
