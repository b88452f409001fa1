import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import {
  type ConnectOptions,
  connect,
  createServer,
  createWireServer,
  type Server,
  type ServerOptions,
  type WireSource
} from 'rtmpipe'
import t from 'tap'
import { Identity } from '../../../lib/rtmfp/crypto/identity.ts'
import { RtmfpSocket } from '../../../lib/transport/rtmfp/rtmfp-socket.ts'

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

for (const forwardedHellos of ['answer', 'redirect'] as const)
  t.test(`a server introduces whom the application allows, and they may ${forwardedHellos}`, async t => {
    const asked: [WireSource | undefined, WireSource][] = []
    let isAllowed = true
    const failures: Error[] = []
    const introduces = (...pair: [WireSource | undefined, WireSource]) => {
      asked.push(pair)
      if (asked.length === 1) throw new Error('not yet')
      return isAllowed
    }
    const server = createWireServer({ rtmfp: { introduces } }, wire => void wire.resume())
    server.on('wireError', error => failures.push(error))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const place = { address: '127.0.0.1', port: (server.address() as AddressInfo).port }
    const sockets: RtmfpSocket[] = []
    const join = async () => {
      const identity = new Identity({ groups: [2], isStatic: true })
      const socket = new RtmfpSocket({ identity, forwardedHellos })
      sockets.push(socket)
      await socket.bind({ address: '127.0.0.1' })
      return { socket, identity, id: identity.certificate.fingerprint.toString('hex') }
    }
    const [one, other, stranger] = [await join(), await join(), await join()]
    for (const { socket } of [one, other]) await socket.open({ ancillaryData: Buffer.from('rtmfp://server') }, [place])
    const session = await one.socket.open({ fingerprint: other.identity.certificate.fingerprint }, [place])
    t.equal(session.address.port, other.socket.addresses[0]!.port, 'the way is a direct one')
    t.match(
      asked.map(pair => pair.map(source => source?.peerId)),
      [
        [one.id, other.id],
        [one.id, other.id]
      ],
      'asked again, as nothing was answered'
    )
    t.match(failures, [{ message: 'not yet' }])
    isAllowed = false
    const count = asked.length
    const refused = other.socket.open({ fingerprint: one.identity.certificate.fingerprint }, [place])
    const unknown = stranger.socket.open({ fingerprint: one.identity.certificate.fingerprint }, [place])
    for (const opening of [refused, unknown]) opening.catch(() => {})
    while (asked.length < count + 2) await new Promise(resolve => setTimeout(resolve, 20))
    t.same(
      asked.slice(count, count + 2).map(pair => pair.map(source => source?.peerId)),
      [
        [other.id, one.id],
        [undefined, one.id]
      ],
      'nothing is known of a stranger'
    )
    isAllowed = true
    t.match(await unknown, { address: { port: one.socket.addresses[0]!.port } }, 'it may be introduced too')
    await refused
    await Promise.all(sockets.map(socket => socket.close({ orderly: false })))
    await server[Symbol.asyncDispose]()
  })
