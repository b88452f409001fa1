/**
 * A recorder. This example shows how to:
 *  1. record what is published, into files of ten minutes at most, which begin at keyframes and have a clock, metadata and an index of
 *     their own, so that programs seek in them;
 *  2. hear of each file, and of a disk that refuses one: recording is tried again for as long as the stream goes on;
 *  3. name files after streams, whose names are a stranger's words: `name` is made safe (see safeRecordPath).
 *
 *   npm run build && node dist/examples/record.js [FOLDER [PORT]]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *
 * Kill it while it records, and `rtmpipe fix FILE` makes the file whole.
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, LiveStream, type RecordedFile, type Retry, recordRolled } from 'rtmpipe'

const [folder = 'recordings', port = '1935'] = process.argv.slice(2)
const lives = new Map<string, LiveStream>()

function live(path: string): LiveStream {
  // a recording is over when its publisher has gone
  const found = lives.get(path) ?? new LiveStream({ holdMs: 0 }).once('idle', () => lives.delete(path))
  lives.set(path, found)
  return found
}

const server = createServer(session => {
  session.on('publish', publish => {
    const input = live(publish.path).input()
    recordRolled(live(publish.path), folder, { name: publish.path, everyMs: 600_000 })
      .on('recorded', ({ path, durationMs }: RecordedFile) => console.log(`recorded ${path}, ${durationMs} ms`))
      .on('retrying', ({ error }: Retry) => console.log(`not recorded just now: ${error?.message}`))
    pipeline(publish.accept(), input, error => error && console.log(error.message))
  })
  session.on('play', play => pipeline(live(play.path).player(), play.accept(), () => {}))
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
