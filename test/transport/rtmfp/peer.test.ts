import * as dgram from 'node:dgram'
import * as diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { pipeline } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ClientSession,
  type ConnectOptions,
  commandMessage,
  connect,
  createCommand,
  createServer,
  createWireServer,
  LiveStream,
  type Message,
  type Playing,
  readCommand,
  type Server,
  type ServerOptions,
  type ServerSession,
  systemClock,
  type WireSource
} from 'rtmpipe'
import t from 'tap'
import { Identity } from '../../../lib/rtmfp/crypto/identity.ts'
import { Flows } from '../../../lib/rtmfp/flow/flows.ts'
import type { FlowOpening } from '../../../lib/rtmfp/flow/receiving-flow.ts'
import type { FlowEnd } from '../../../lib/rtmfp/flow/sending-flow-events.ts'
import { readFlowMessage, writeFlowMessage } from '../../../lib/rtmfp/flow-mapping/flow-message.ts'
import { flowMetadata } from '../../../lib/rtmfp/flow-mapping/flow-metadata.ts'
import { RtmfpSocket } from '../../../lib/transport/rtmfp/rtmfp-socket.ts'
import { audio, video, word } from '../../support/media.ts'

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

const INTRODUCING: ServerOptions = { rtmfp: { introduces: () => true } }

/** Publishes a live stream to peers, `camera`; whoever asks for another is told that there is none. */
function publishing(client: ClientSession) {
  const live = new LiveStream({ holdMs: 1 })
  const ends: (string | undefined)[] = []
  const players: string[] = []
  client.on('peerPlay', (play, peerId) => {
    players.push(peerId)
    if (play.path !== 'camera') play.reject('NetStream.Play.StreamNotFound', 'no such stream')
    else pipeline(live.player(), play.accept(), error => ends.push(error?.code))
  })
  return { live, input: live.input(), ends, players }
}

/** What a play gives, in words, until these have come. */
async function until(playing: Playing, ...last: string[]): Promise<string[]> {
  const words: string[] = []
  for await (const message of playing.iterator({ destroyOnReturn: false }) as AsyncIterable<Message>) {
    words.push(word(message))
    if (last.every(each => words.includes(each))) return words
  }
  return [...words, 'end']
}

t.test('media goes from peer to peer, and past the server', async t => {
  const { server, join } = await served(INTRODUCING)
  const [publisher, player] = [await join(), await join()]
  const { input, players, ends } = publishing(publisher.client)
  const playing = await player.client.peer(publisher.client.ownPeerId!).play('camera')
  t.same(players, [player.client.ownPeerId])
  const before = [publisher, player].map(({ session }) => session.stats())
  const size = 50_000
  for (const message of [video.header(), audio.header()]) input.write(message)
  for (let at = 0; at < 1000; at += 100) {
    input.write(at === 0 ? video.keyframe(at, size) : video.frame(at, size))
    input.write(audio.frame(at + 20))
    await sleep(10)
  }
  const words = await until(playing, 'a@920', 'v@900')
  const ofKind = (kind: string) => words.filter(each => each.startsWith(kind))
  const times = Array.from({ length: 10 }, (_, i) => i * 100)
  t.same(ofKind('v'), ['v header@0', 'v key@0', ...times.slice(1).map(at => `v@${at}`)])
  t.same(ofKind('a'), ['a header@0', ...times.map(at => `a@${at + 20}`)])
  for (const [i, { session }] of [publisher, player].entries()) {
    const [{ messagesIn, messagesOut, bytesIn, bytesOut }, then] = [session.stats(), before[i]!]
    t.same([messagesIn, messagesOut], [then.messagesIn, then.messagesOut], 'not a message at the server')
    t.ok(bytesIn + bytesOut - then.bytesIn - then.bytesOut < size, 'nor the bytes of one')
  }
  const closed = once(playing, 'close')
  input.end()
  playing.resume()
  await closed
  while (ends.length === 0) await sleep(10)
  t.same(ends, [undefined], 'the end of the stream is the end of the play')
  await Promise.all([publisher, player].map(({ client }) => client.close()))
  await server[Symbol.asyncDispose]()
})

t.test('a play of a peer goes on without the server', async t => {
  const { server, join } = await served(INTRODUCING)
  const [publisher, player] = [await join(), await join()]
  const { input } = publishing(publisher.client)
  const peer = player.client.peer(publisher.client.ownPeerId!)
  const playing = await peer.play('camera')
  const closed = [publisher, player].map(({ client }) => once(client.resume(), 'close'))
  await server[Symbol.asyncDispose]()
  await Promise.all(closed)
  t.same(
    [publisher, player].map(({ client }) => client.closeReason),
    ['left', 'left']
  )
  for (const message of [video.header(), video.keyframe(40)]) input.write(message)
  t.same(await until(playing, 'v key@40'), ['v header@40', 'v key@40'])
  t.notOk(playing.destroyed)
  const failed = new Promise(resolve => playing.once('error', resolve))
  playing.resume()
  await publisher.client.close()
  t.match(await failed, { code: 'ERR_RTMP_PREMATURE_CLOSE' }, 'as long as its client wants')
})

t.test('a peer that leaves ends its play, and no other', async t => {
  const { server, join } = await served(INTRODUCING)
  const [publisher, one, other] = [await join(), await join(), await join()]
  const { input, ends } = publishing(publisher.client)
  const id = publisher.client.ownPeerId!
  const [first, second, third] = [
    await one.client.peer(id).play('camera'),
    await one.client.peer(id).play('camera'),
    await other.client.peer(id).play('camera')
  ]
  const left: (string | undefined)[] = []
  const count = (message: unknown) => {
    const { session, reason } = message as { session: ClientSession | ServerSession; reason: unknown }
    if ('peerId' in session && session.peerId === one.client.ownPeerId) left.push(String(reason))
  }
  diagnostics.subscribe('rtmpipe:session:end', count)
  await t.rejects(one.client.peer(id).play('garden'), { code: 'ERR_RTMP_REFUSED' })
  while (left.length === 0) await sleep(10)
  diagnostics.unsubscribe('rtmpipe:session:end', count)
  t.same(left, ['left'], 'nothing is kept of a play that was refused')
  first.destroy()
  while (ends.length < 1) await sleep(10)
  await other.client.close()
  while (ends.length < 2) await sleep(10)
  t.same(ends, [undefined, undefined], 'neither is an error')
  third.resume()
  if (!third.closed) await once(third, 'close')
  for (const message of [video.header(), video.keyframe(40)]) input.write(message)
  t.same(await until(second, 'v key@40'), ['v header@40', 'v key@40'], 'of two plays of one peer the other goes on')
  const failed = new Promise(resolve => second.once('error', resolve))
  second.resume()
  await publisher.client.close()
  t.match(await failed, { code: 'ERR_RTMP_PREMATURE_CLOSE' }, 'and fails when the publisher leaves')
  await one.client.close()
  await server[Symbol.asyncDispose]()
})

t.test('who is introduced tries the addresses that the peer has told of, too', async t => {
  const { server, join } = await served(INTRODUCING)
  const elsewhere = dgram.createSocket('udp4')
  elsewhere.bind(0, '127.0.0.1')
  await once(elsewhere, 'listening')
  const tried = once(elsewhere, 'message')
  const publisher = await join({ rtmfp: { addresses: [`127.0.0.1:${elsewhere.address().port}`] } })
  const player = await join({ rtmfp: { addresses: [] } })
  publishing(publisher.client)
  const playing = await player.client.peer(publisher.client.ownPeerId!).play('camera')
  const [, { port }] = (await tried) as [Buffer, dgram.RemoteInfo]
  t.equal(port, Number(player.session.peer.split(':').at(-1)))
  playing.destroy()
  elsewhere.close()
  await Promise.all([publisher, player].map(({ client }) => client.close()))
  await server[Symbol.asyncDispose]()
})

t.test('two peers play each other in one session', async t => {
  const { server, join } = await served(INTRODUCING)
  const both = [await join(), await join()]
  const [one, other] = both.map(({ client }) => ({ client, ...publishing(client) }))
  const plays = await Promise.all([
    one!.client.peer(other!.client.ownPeerId!).play('camera'),
    other!.client.peer(one!.client.ownPeerId!).play('camera')
  ])
  for (const [i, { input }] of [other!, one!].entries())
    for (const message of [video.header(), video.keyframe(i)]) input.write(message)
  t.same(await Promise.all(plays.map((playing, i) => until(playing, `v key@${i}`))), [
    ['v header@0', 'v key@0'],
    ['v header@1', 'v key@1']
  ])
  await Promise.all(both.map(({ client }) => client.close()))
  await server[Symbol.asyncDispose]()
})

t.test('who is refused', async t => {
  const allowed = new Set<string | undefined>()
  const { server, join } = await served({
    rtmfp: { introduces: (asker, { peerId }) => asker?.connection?.app === 'live' && allowed.has(peerId) }
  })
  const [publisher, silent, player] = [await join(), await join(), await join({ timeoutMs: 1500 })]
  const { players } = publishing(publisher.client)
  const { client } = player
  const id = publisher.client.ownPeerId!
  await t.rejects(client.peer(id).play('camera'), { code: 'ERR_RTMP_HANDSHAKE_TIMEOUT' }, 'by the server')
  t.same(players, [])
  allowed.add(id).add(silent.client.ownPeerId)
  const nobody = client.peer('0'.repeat(64)).play('camera')
  const deaf = client.peer(silent.client.ownPeerId!).play('camera')
  await t.rejects(nobody, { code: 'ERR_RTMP_HANDSHAKE_TIMEOUT' }, 'a peer id that nobody has')
  await t.rejects(deaf, { code: 'ERR_RTMP_HANDSHAKE_TIMEOUT' }, 'a peer without a listener')
  await t.rejects(publisher.client.peer(client.ownPeerId!.toUpperCase()).play('camera'), TypeError)
  await t.rejects(client.peer('12').play('camera'), { name: 'TypeError', message: /64 digits/ })
  await t.rejects(client.peer(client.ownPeerId!).play('camera'), { name: 'TypeError', message: /client's own/ })
  const overTcp = await join({}, 'rtmp')
  await t.rejects(overTcp.client.peer(id).play('camera'), { name: 'TypeError', message: /RTMFP/ })
  const heard = await silent.client.peer(id).play('camera')
  await t.rejects(
    publisher.client.peer(silent.client.ownPeerId!).play('camera'),
    { code: 'ERR_RTMP_PREMATURE_CLOSE' },
    'nor does it by a session that there is'
  )
  heard.destroy()
  const other = await join()
  await t.rejects(other.client.peer(id).play('garden'), {
    code: 'ERR_RTMP_REFUSED',
    status: 'NetStream.Play.StreamNotFound'
  })
  publisher.client.removeAllListeners('peerPlay')
  publisher.client.on('peerPlay', () => {
    throw new Error('mine')
  })
  const warned = once(process, 'warning')
  await t.rejects(other.client.peer(id).play('camera'), { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Play.Failed' })
  t.match(await warned, [{ name: 'RtmpWarning', message: /mine/ }], 'and the application is told')
  await Promise.all([publisher, silent, player, overTcp, other].map(({ client }) => client.close()))
  await t.rejects(client.peer(id).play('camera'), { code: 'ERR_RTMP_PREMATURE_CLOSE' })
  await server[Symbol.asyncDispose]()
})

t.test('a play between peers on the wire (RFC 7425, 5.4)', async t => {
  const asked: unknown[] = []
  const { server, join } = await served({ rtmfp: { introduces: (...pair) => asked.push(pair) > 0 } })
  const { client, session } = await join({ limits: { connectMs: 300, messageStreams: 1 }, timeoutMs: 5000 })
  const { input, ends: plays } = publishing(client)
  const heard: string[] = []
  const openings: FlowOpening[] = []
  let flows!: Flows
  const socket = new RtmfpSocket({
    identity: new Identity({ groups: [14], isStatic: true }),
    opened: opened => {
      flows = new Flows(opened, {
        accept: opening => {
          openings.push({ ...opening, metadata: Buffer.from(opening.metadata) })
          return {
            readable: flow => {
              for (let read = flow.read(); read !== undefined; read = flow.read()) {
                const message = readFlowMessage(Buffer.from(read.payload), 0)
                const [, information] = message.type === 20 ? readCommand(message).args : []
                heard.push(information === undefined ? word(message) : String((information as { code: string }).code))
              }
            }
          }
        }
      })
      return flows
    }
  })
  await socket.bind({ address: '127.0.0.1' })
  const place = { address: '127.0.0.1', port: Number(session.peer.split(':').at(-1)) }
  const fingerprint = Buffer.from(client.ownPeerId!, 'hex')
  const unused = await socket.open({ fingerprint }, [place])
  while (unused.state === 'open') await sleep(10)
  t.equal(unused.closeReason, 'far', 'who asks for nothing is left')

  const used = await socket.open({ fingerprint }, [place])
  const ends: (FlowEnd | undefined)[] = []
  const open = (messageStreamId: number, metadata = flowMetadata({ messageStreamId, receiveOrder: 'sequence' })) => {
    const at = ends.push(undefined) - 1
    const ended = (end: FlowEnd) => {
      ends[at] = end
    }
    const flow = flows.open({ metadata, ended })
    const play = commandMessage(createCommand('play', 0, [null, 'camera']))
    flow.write(writeFlowMessage(play), systemClock.now())
    return flow
  }
  open(0)
  open(0, Buffer.from('GC'))
  const played = open(3)
  while (!heard.includes('NetStream.Play.Start')) await sleep(10)
  t.same(ends, ['rejected', 'rejected', undefined], 'no connection as to a server, and nothing else')
  open(4)
  while (ends[3] === undefined) await sleep(10)
  t.same(ends[3], 'rejected', 'nor more than limits.messageStreams')
  for (const message of [video.header(), audio.header(), video.keyframe(0), audio.frame(20)]) input.write(message)
  while (!heard.includes('a@20')) await sleep(10)
  t.same(
    openings.map(({ metadata, returnOf }) => [metadata.toString('hex'), returnOf === played]),
    Array(3).fill(['54430403', true]),
    'all of one message stream, and in return of the flow of the play'
  )
  t.equal(session.closeReason, undefined)
  await client.call('_checkbw')
  played.close()
  while (used.state === 'open') await sleep(10)
  t.equal(used.closeReason, 'far', 'behind the last play the session is of no use')
  t.same(plays, [undefined])

  const broken = await socket.open({ fingerprint }, [place])
  open(5)
  while (heard.filter(each => each === 'NetStream.Play.Start').length < 2) await sleep(10)
  broken.close(systemClock.now(), false)
  while (plays.length === 1) await sleep(10)
  t.same(plays, [undefined, undefined], 'an end of the session is one of its plays')

  const { port } = server.address() as AddressInfo
  await socket.open({ ancillaryData: Buffer.from('rtmfp://server') }, [{ address: '127.0.0.1', port }])
  const opening = socket.open({ fingerprint: Buffer.alloc(32) }, [{ address: '127.0.0.1', port }])
  const again = socket.open({ fingerprint }, [{ address: '127.0.0.1', port }])
  for (const each of [opening, again]) each.catch(() => {})
  for (let i = 0; i < 3; i++) await client.call('_checkbw')
  t.same(asked, [], 'who has a session and no connection is introduced to nobody')
  await socket.close({ orderly: false })
  await client.close()
  await server[Symbol.asyncDispose]()
})
