import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type ConnectOptions, connect, createServer, type Server, type ServerOptions } from 'rtmpipe'
import t from 'tap'

/** A server on TCP and UDP of one port number, and its clients. */
async function served(options: ServerOptions = {}) {
  const server = createServer({ rtmfp: true, ...options })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const join = async (given: ConnectOptions = {}, scheme = 'rtmfp') => {
    const begun = once(server, 'session')
    const client = await connect(`${scheme}://127.0.0.1:${port}/live`, given)
    const [session] = await begun
    return { client, session }
  }
  return { server, join }
}

/** What servers' wires are told by `setPeerInfo`. */
function toldOf(server: Server): readonly unknown[][] {
  const told: unknown[][] = []
  server.prependListener('wire', wire => {
    wire.heedPeerInfo = args => {
      told.push([...args])
    }
  })
  return told
}

t.test('the peer id: both ends of a session over RTMFP know it, and each session has another', async t => {
  const { server, join } = await served()
  const all = [await join(), await join()]
  for (const { client, session } of all) {
    t.match(session.peerId, /^[0-9a-f]{64}$/)
    t.equal(client.ownPeerId, session.peerId)
  }
  t.not(all[0]!.session.peerId, all[1]!.session.peerId)
  const { client, session } = await join({}, 'rtmp')
  t.same([client.ownPeerId, session.peerId], [undefined, undefined], 'no other scheme has any')
  await Promise.all([...all.map(each => each.client), client].map(each => each.close()))
  await server[Symbol.asyncDispose]()
})

t.test('a client tells the server where else it is reached (RFC 7425, 5.3.3)', async t => {
  const { server, join } = await served()
  const told = toldOf(server)
  const unknown: string[] = []
  server.on('session', session => session.on('command', ({ name }) => unknown.push(name)))
  const clients = [
    await join(),
    await join({ rtmfp: { addresses: [] } }),
    await join({ rtmfp: { addresses: ['192.0.2.1:7', '[2001:db8::1]:8', '2001:db8::2', '192.0.2.2'] } })
  ].map(({ client }) => client)
  for (const client of clients) await client.call('_checkbw')
  const [usual, none, given] = told as string[][]
  const own = Object.values(networkInterfaces()).flatMap(each => each ?? [])
  const reached = own.filter(({ internal, scopeid }) => !internal && !scopeid).map(({ address }) => address)
  const hostOf = (text: string) => text.replace(/^\[?(.*?)\]?:\d+$/, '$1')
  t.same(usual!.slice(1).map(hostOf), reached, 'the addresses of its interfaces')
  t.same(none, [null])
  t.match(given, [null, '192.0.2.1:7', '[2001:db8::1]:8', /^\[2001:db8::2\]:\d+$/, /^192\.0\.2\.2:\d+$/])
  t.same(unknown, [], 'and the application hears of no command')
  await t.rejects(join({ rtmfp: { addresses: ['localhost'] } }), { name: 'TypeError', message: /not localhost/ })
  await Promise.all(clients.map(client => client.close()))
  await server[Symbol.asyncDispose]()
})
