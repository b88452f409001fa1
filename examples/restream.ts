/**
 * One in, three out. This example shows how to:
 *  1. send a published stream to other servers, independently: one that stalls or refuses delays no other;
 *  2. log the state of each, and its reconnects;
 *  3. keep your own list of destinations, and change it while they are live.
 *
 *   npm run build && node dist/examples/restream.js PORT rtmp://one/app/key rtmp://two/app/key rtmp://three/app/key
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, LiveStream, pushLive, type Relay } from 'rtmpipe'

const [port = '1935', ...urls] = process.argv.slice(2)
const destinations = new Set<Relay>()

function add(live: LiveStream, url: string, number: number): void {
  const relay = pushLive(live, url)
  relay.on('live', () => console.log(`${number} live`))
  relay.on('retrying', ({ ms }) => console.log(`${number} retry in ${ms} ms`))
  relay.on('refused', ({ error, ms }) => console.log(`${number} ${error?.message}, retry in ${ms} ms`))
  relay.on('ended', () => {
    console.log(`${number} ended`)
    destinations.delete(relay)
  })
  destinations.add(relay)
}

const server = createServer(session => {
  session.on('publish', publish => {
    const live = new LiveStream()
    for (const [i, url] of urls.entries()) add(live, url, i + 1)
    pipeline(publish.accept(), live.input(), () => console.log('unpublished'))
  })
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
