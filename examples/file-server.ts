/**
 * Films on demand. This example shows how to:
 *  1. serve a file by one pipeline, at the pace of its timestamps;
 *  2. start where the player asks, at the keyframe before it;
 *  3. seek: each seek destroys the current Writable, and accept() returns the next one.
 *
 *   npm run build && node dist/examples/file-server.js FOLDER [PORT]
 *   ffplay rtmp://127.0.0.1/vod/film          plays FOLDER/film.flv
 *   rtmpdump --start 60 -r rtmp://127.0.0.1/vod/film -o from-one-minute.flv
 */
import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import type net from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { createServer, flvDecoder, pace, Refused, startAt } from 'rtmpipe'

const [folder, port = '1935'] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: file-server FOLDER [PORT]')
  process.exit(2)
}

const server = createServer(session => {
  session.on('play', async play => {
    const name = play.name.replace(/\.flv$/, '')
    // a stream name is a stranger's word: this is all a film may be called
    const file = join(folder, `${/^[\w-]+$/.test(name) ? name : ''}.flv`)
    await access(file).catch(() => {
      throw new Refused('NetStream.Play.StreamNotFound', 'file not found')
    })
    const from = (ms: number) => {
      console.log(`play ${name} from ${ms} ms`)
      const film = [
        createReadStream(file),
        flvDecoder(),
        startAt(ms),
        pace({ aheadMs: 1000 }),
        play.accept({ recorded: true })
      ]
      pipeline(film, () => console.log(`stop ${name}`))
    }
    play.on('seek', from)
    from(Math.max(0, play.start))
  })
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
