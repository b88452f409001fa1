/**
 * A proxy. This example shows how to:
 *  1. connect two wires at the waist: unchanged messages leave with the bytes they arrived with;
 *  2. send another key, app and URL to the origin, after an asynchronous look-up;
 *  3. refuse, with a reason that the client receives.
 *
 *   npm run build && node dist/examples/proxy.js rtmp://origin/live [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/key-of-ada      is published at the origin as ada
 */
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { commandRewriter, createWireServer, dial, proxy, Refused, readRtmpUrl } from 'rtmpipe'

const [origin, port = '1935'] = process.argv.slice(2)
if (origin === undefined) {
  console.error('usage: proxy ORIGIN-URL [PORT]')
  process.exit(2)
}
const { app, tcUrl } = readRtmpUrl(origin)
const users = new Map([['key-of-ada', 'ada']])

const rewriter = () =>
  commandRewriter({
    connect: info => ({ ...info, app, tcUrl }),
    async name(key) {
      await wait(20)
      const user = users.get(key)
      if (user === undefined) throw new Refused('NetStream.Publish.Denied', 'unknown key')
      return user
    }
  })

const server = createWireServer(async near => {
  const reason = await proxy(near, dial(origin), rewriter())
  console.log(`closed ${reason?.message ?? ''}`)
})

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
