/**
 * A recorder. This example shows how to:
 *  1. tap a stream on its way, here into an FLV file that plays up to its last byte, whatever ends it;
 *  2. make a file's name of a stream's name, which is a stranger's word, by the one door there is for that;
 *  3. let the publisher wait for the disk (`wait: true`), or, without it, hear of what the disk was too slow for.
 *
 *   npm run build && node dist/examples/record.js [FOLDER [PORT]]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 */
import { createWriteStream } from 'node:fs'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { chain, createServer, flvEncoder, LiveStream, safeRecordPath, tap } from 'rtmpipe'

const [folder = 'recordings', port = '1935'] = process.argv.slice(2)
const live = new LiveStream()

const server = createServer(session => {
  session.on('publish', publish => {
    const path = safeRecordPath(folder, publish)
    const file = chain(flvEncoder(), createWriteStream(path))
    file.on('finish', () => console.log(`recorded ${path}`))
    const recorder = tap(file, { wait: true })
    recorder.on('left', (_, error) => console.log(`not recorded any more: ${error.message}`))
    pipeline(publish.accept(), recorder, live.input(), error => error && console.log(error.message))
  })
  session.on('play', play => pipeline(live.player(), play.accept(), () => {}))
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
