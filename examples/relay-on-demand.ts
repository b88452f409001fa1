/**
 * An edge server. This example shows how to:
 *  1. fetch a stream from an origin when the first player asks for it, and only then;
 *  2. give it to every player that follows from the one copy;
 *  3. let it go when the last player has left.
 *
 *   npm run build && node dist/examples/relay-on-demand.js rtmp://origin [PORT]
 *   ffplay rtmp://127.0.0.1/live/film        plays rtmp://origin/live/film
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, LiveStream, pull } from 'rtmpipe'

const [origin, port = '1935'] = process.argv.slice(2)
if (origin === undefined) {
  console.error('usage: relay-on-demand ORIGIN-URL [PORT]')
  process.exit(2)
}
const lives = new Map<string, LiveStream>()

function fetched(path: string): LiveStream {
  const live = new LiveStream({ holdMs: 1000 })
  const relay = pull(`${origin}/${path}`, live)
  relay.on('live', () => console.log(`pull ${path}`))
  const forget = () => {
    lives.delete(path)
    relay.close()
  }
  live.once('unread', forget)
  relay.once('ended', () => {
    forget()
    console.log(`let go of ${path}`)
  })
  lives.set(path, live)
  return live
}

const server = createServer(session => {
  session.on('play', play => {
    console.log(`play ${play.path}`)
    pipeline((lives.get(play.path) ?? fetched(play.path)).player(), play.accept(), () => {})
  })
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
