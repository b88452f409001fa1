/**
 * A transcoder. This example shows how to:
 *  1. put a program into a pipeline: a duplex() of its stdin and stdout is a stage;
 *  2. restart a program that has died, with growing delays, while the viewers of its stream stay;
 *  3. let a slow encoder skip to the newest keyframe, so that it never delays the publisher.
 *
 *   npm run build && node dist/examples/transcode.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay rtmp://127.0.0.1/small/film        the same, 180 lines high
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { pipeline as piped } from 'node:stream/promises'
import { createServer, duplex, flvDecoder, flvEncoder, LiveStreams, Refused, Relay } from 'rtmpipe'

const encode = ['-vf', 'scale=-2:180', '-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-c:a', 'copy']
const lives = new LiveStreams()
const report = (error?: Error | null) => error && console.log(error.message)

function transcode(path: string, to: string): Relay {
  return new Relay(async (signal, is) => {
    const from = lives.find(path)
    if (!from?.isLive) return true
    const input = await lives.publish(to)
    const child = spawn('ffmpeg', ['-v', 'error', '-f', 'flv', '-i', '-', ...encode, '-g', '50', '-f', 'flv', '-'])
    const closed = once(child, 'close')
    let said = ''
    child.stderr.on('data', text => {
      said = `${said}${text}`.slice(-500)
    })
    const source = from.subscribe({ maxLagMs: 2000 })
    source.on('gap', ({ ms }) => console.log(`the encoder is slow: ${ms} ms left out`))
    try {
      is('live')
      console.log(`ffmpeg is process ${child.pid}`)
      const program = duplex(child.stdin, child.stdout)
      await Promise.all([piped(source, flvEncoder(), program, flvDecoder(), input, { signal }), closed])
      return true
    } catch (error) {
      child.kill('SIGKILL')
      await closed.catch(() => {})
      throw new Error(`ffmpeg: ${said || (error as Error).message}`)
    }
  })
}

const relays = new Map<string, Relay>()

const server = createServer(session => {
  session.on('publish', async publish => {
    const { app, name, path } = publish
    if (app !== 'live') throw new Refused('NetStream.Publish.Denied', 'publish to /live')
    pipeline(publish.accept(), await lives.publish(path), report)
    // a publisher that has come back continues the stream
    if (relays.has(path)) return
    const relay = transcode(path, `small/${name}`)
    relays.set(path, relay)
    relay.on('retrying', ({ error, ms }) => console.log(`${error?.message}, again in ${ms} ms`))
    relay.on('ended', () => {
      console.log(`transcoded ${path}`)
      relays.delete(path)
      lives.find(`small/${name}`)?.close()
    })
  })
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
})
server.on('sessionError', report)

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
