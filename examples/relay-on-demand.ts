/**
 * An edge server. This example shows how to:
 *  1. fetch a stream from an origin when the first player requests it;
 *  2. serve every further player from the one copy;
 *  3. close it when the last player has left.
 *
 *   npm run build && node dist/examples/relay-on-demand.js rtmp://origin [PORT]
 *   ffplay rtmp://127.0.0.1/live/film        plays rtmp://origin/live/film
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, type LiveStream, LiveStreams, pullLive } from 'rtmpipe'

const [origin, port = '1935'] = process.argv.slice(2)
if (origin === undefined) {
  console.error('usage: relay-on-demand ORIGIN-URL [PORT]')
  process.exit(2)
}
const lives = new LiveStreams()
const fetched = new Set<LiveStream>()

function fetch(path: string, live: LiveStream): void {
  const relay = pullLive(`${origin}/${path}`, live)
  relay.on('live', () => console.log(`pull ${path}`))
  const letGo = () => {
    live.off('unread', letGo)
    relay.off('ended', letGo)
    fetched.delete(live)
    relay.close()
    live.close()
  }
  live.on('unread', letGo)
  relay.on('ended', letGo)
  relay.once('ended', () => console.log(`let go of ${path}`))
  fetched.add(live)
}

const server = createServer(session => {
  session.on('play', play => {
    console.log(`play ${play.path}`)
    const live = lives.get(play.path)
    if (!fetched.has(live)) fetch(play.path, live)
    pipeline(live.player(), play.accept(), () => {})
  })
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
