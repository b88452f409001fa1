/**
 * A recorder. This example shows how to:
 *  1. record what is published, into files of ten minutes at most, which begin at keyframes and have a clock, metadata and an index of
 *     their own, so that programs seek in them;
 *  2. log each file and each disk error: recording is retried as long as the stream lasts;
 *  3. name files after streams, whose names are untrusted: `name` is made safe (see safeRecordPath).
 *
 *   npm run build && node dist/examples/record.js [FOLDER [PORT]]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *
 * If it is killed while it records, `rtmpipe fix FILE` repairs the file.
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, LiveStreams, recordRolled } from 'rtmpipe'

const [folder = 'recordings', port = '1935'] = process.argv.slice(2)
// a recording is over when its publisher has gone
const lives = new LiveStreams({ holdMs: 0 })

const server = createServer(session => {
  session.on('publish', publish => {
    const live = lives.get(publish.path)
    const input = live.input()
    recordRolled(live, folder, { name: publish.path, everyMs: 600_000 })
      .on('recorded', ({ path, durationMs }) => console.log(`recorded ${path}, ${durationMs} ms`))
      .on('retrying', ({ error }) => console.log(`not recorded just now: ${error?.message}`))
    pipeline(publish.accept(), input, error => error && console.log(error.message))
  })
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), () => {}))
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
