/**
 * A front door to several servers. This example shows how to:
 *  1. choose an origin by the key of a publish, which is known only after the connect: so this server answers the connect itself;
 *  2. accept a publish when its origin does, and otherwise refuse it with the origin's status;
 *  3. pass media through unread.
 *
 *   npm run build && node dist/examples/route-by-key.js PORT key=rtmp://one/live/film other=rtmp://two/live/film
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/key
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { connect, createServer, Refused, splitStreamUrl } from 'rtmpipe'

const [port = '1935', ...routes] = process.argv.slice(2)
const origins = new Map(routes.map(route => [route.slice(0, route.indexOf('=')), route.slice(route.indexOf('=') + 1)]))

const server = createServer(session => {
  session.on('publish', async publish => {
    const origin = origins.get(publish.name)
    if (origin === undefined) throw new Refused('NetStream.Publish.Denied', 'unknown key')
    const { url, name } = splitStreamUrl(origin)
    const far = await connect(url, { signal: publish.signal })
    const to = await far.publish(name).catch(error => {
      void far.close()
      throw error
    })
    console.log(`publish to ${url}`)
    pipeline(publish.accept(), to, error => {
      console.log(`unpublish from ${url} ${error?.message ?? ''}`)
      void far.close()
    })
  })
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
