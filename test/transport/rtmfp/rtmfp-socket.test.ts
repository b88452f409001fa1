import { type ChildProcess, spawn } from 'node:child_process'
import * as dgram from 'node:dgram'
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Identity } from '../../../lib/rtmfp/crypto/identity.ts'
import { Flows } from '../../../lib/rtmfp/flow/flows.ts'
import type { SendingFlow } from '../../../lib/rtmfp/flow/sending-flow.ts'
import type { Session } from '../../../lib/rtmfp/session/session.ts'
import { writeSessionId } from '../../../lib/rtmfp/wire/session-id.ts'
import { RtmfpSocket, type RtmfpSocketOptions } from '../../../lib/transport/rtmfp/rtmfp-socket.ts'
import type { BindOptions } from '../../../lib/transport/rtmfp/udp-socket.ts'
import { chance } from '../../support/chance.ts'
import { TestClock } from '../../support/clock.ts'
import { UdpMiddlebox, type UdpMiddleboxOptions } from '../../support/udp-middlebox.ts'

const URI = { ancillaryData: Buffer.from('rtmfp://server/live') }
const serverIdentity = new Identity({ groups: [2], acceptsAncillaryData: true })
const clientIdentity = new Identity({ groups: [2], isStatic: true })
const LOOPBACK = '127.0.0.1'

/** A socket, with what its session, its only one, brings. */
class End {
  readonly socket: RtmfpSocket
  /** Texts of messages, in the order they were read. */
  readonly read: string[] = []
  session: Session | undefined
  flows!: Flows
  isClosed = false
  #changed: () => void = () => {}

  constructor(options: RtmfpSocketOptions) {
    this.socket = new RtmfpSocket({
      ...options,
      opened: session => {
        this.session = session
        this.flows = new Flows(session, {
          accept: () => ({
            readable: flow => {
              for (let message = flow.read(); message; message = flow.read())
                this.read.push(message.payload.subarray(0, 8).toString().trimEnd())
              this.#changed()
            }
          })
        })
        this.#changed()
        return this.flows
      },
      closed: () => {
        this.isClosed = true
        this.#changed()
      }
    })
  }

  /** Settles once it is so, which is looked at when anything happens here. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo())
      await new Promise<void>(resolve => {
        this.#changed = resolve
      })
  }

  /** A flow on which messages of `length` bytes are written, each with its number. */
  flow(): { write(from: number, to: number, length?: number): void; flow: SendingFlow } {
    const flow = this.flows.open({ metadata: Buffer.from('test') })
    return {
      flow,
      write: (from, to, length = 8) => {
        for (let number = from; number <= to; number++) {
          const payload = Buffer.alloc(length, ' ')
          payload.write(`${number}`)
          flow.write(payload, performance.now())
        }
      }
    }
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`)

/** Two ends, bound, perhaps with a bad path between them, and where the client finds the server. */
async function bound(
  t: Test,
  at: BindOptions = { address: LOOPBACK },
  path?: Omit<UdpMiddleboxOptions, 'port'>,
  ends: { client?: Partial<RtmfpSocketOptions>; server?: Partial<RtmfpSocketOptions> } = {}
) {
  const client = new End({ identity: clientIdentity, ...ends.client })
  const server = new End({ identity: serverIdentity, ...ends.server })
  await client.socket.bind(at)
  const { address, port } = await server.socket.bind(at)
  const box = path && (await UdpMiddlebox.open({ ...path, port }))
  t.teardown(async () => {
    await Promise.all([client, server].map(({ socket }) => socket.close({ orderly: false })))
    await box?.close()
  })
  return { client, server, box, place: box?.place ?? { address, port } }
}

/** A port where nobody is. */
async function deadPort(): Promise<number> {
  const socket = new RtmfpSocket({ identity: clientIdentity })
  const { port } = await socket.bind({ address: LOOPBACK })
  await socket.close()
  return port
}

/** Sends messages both ways, and waits until they are read. */
async function talk(near: End, far: End, count: number, length?: number): Promise<void> {
  for (const [one, other] of [
    [near, far],
    [far, near]
  ] as const) {
    const all = other.read.length + count
    one.flow().write(1, count, length)
    await other.until(() => other.read.length === all)
  }
}

for (const address of [LOOPBACK, '::1'])
  t.test(`a session opens over ${address}, and flows go both ways`, async t => {
    const { client, server, place } = await bound(t, { address })
    const session = await client.socket.open(URI, [place])
    t.equal(session, client.session)
    await talk(client, server, 50, 20_000)
    t.same([client.read, server.read], [numbers(1, 50), numbers(1, 50)])
    t.match(session.address, place)
    await client.socket.close()
    t.match([session, server.session], [{ closeReason: 'near' }, { state: 'far close' }])
  })

t.test('a socket of both families sees and names IPv4 as such', async t => {
  const { client, server, place } = await bound(t, {})
  t.equal(place.address, '::')
  await client.socket.open(URI, [{ ...place, address: LOOPBACK }])
  await talk(client, server, 1)
  t.same([client.session!.address.address, server.session!.address.address], [LOOPBACK, LOOPBACK])
})

t.test('answers leave by the socket that was asked', async t => {
  const { client, server, place } = await bound(t)
  const second = await server.socket.bind({ address: LOOPBACK })
  t.same(
    server.socket.addresses.map(({ port }) => port),
    [place.port, second.port]
  )
  await client.socket.open(URI, [place])
  await talk(client, server, 1)
  t.match(client.session!.address, place)
  const other = new End({ identity: new Identity({ groups: [2], isStatic: true }) })
  await other.socket.bind({ address: LOOPBACK })
  t.match((await other.socket.open(URI, [second])).address, { port: second.port })
  await other.socket.close()
})

t.test('a path that loses, repeats and delays is no more than that', async t => {
  const path = { loss: 0.05, repeats: 0.05, delay: [1, 15] as const, chance: chance(1) }
  const { client, server, place, box } = await bound(t, { address: LOOPBACK }, path)
  await client.socket.open(URI, [place])
  await talk(client, server, 40, 5000)
  t.same([client.read, server.read], [numbers(1, 40), numbers(1, 40)])
  t.ok(box!.lost > 0)
})

t.test('a session outlives its NAT, and a move of its own', async t => {
  const { client, server, place, box } = await bound(t, { address: LOOPBACK }, {})
  await client.socket.open(URI, [place])
  const [up, down] = [client.flow(), server.flow()]
  let count = 0
  const goOn = async () => {
    up.write(count + 1, count + 10)
    down.write(count + 1, count + 10)
    count += 10
    await server.until(() => server.read.length === count)
    await client.until(() => client.read.length === count)
  }
  await goOn()
  const ports = [server.session!.address.port]
  box!.rebind()
  await goOn()
  ports.push(server.session!.address.port)
  const [before] = client.socket.addresses
  const after = await client.socket.rebind({ address: LOOPBACK })
  t.same(client.socket.addresses, [after])
  t.not(after.port, before!.port)
  await goOn()
  ports.push(server.session!.address.port)
  t.equal(new Set(ports).size, 3)
  t.same([client.read, server.read], [numbers(1, count), numbers(1, count)])
})

t.test('a peer that vanishes without a word is given up, and so is one that never was', async t => {
  const clock = new TestClock()
  const { client, server, place, box } = await bound(t, { address: LOOPBACK }, {}, { client: { clock } })
  const session = await client.socket.open(URI, [place])
  await talk(client, server, 1)
  box!.isCut = true
  clock.pass(119_000)
  t.equal(session.state, 'open')
  clock.pass(32_000)
  t.match(session, { state: 'closed', closeReason: 'timeout' })
  const opening = client.socket.open(URI, [place])
  const inVain = t.rejects(opening, { code: 'ERR_RTMP_RTMFP_TIMEOUT' })
  await t.resolves(turn())
  clock.pass(95_000)
  await inVain
  t.equal(client.socket.size, 0)
})

t.test('a flood of garbage goes by an open session', async t => {
  const { client, server, place } = await bound(t)
  await client.socket.open(URI, [place])
  const { nearId } = server.session!
  const flood = dgram.createSocket('udp4')
  const random = chance(2)
  for (let count = 0; count < 10_000; count++) {
    const garbage = Buffer.alloc(4 + Math.floor(random() * 1400), `${random()}`)
    // to nobody, to the session, and to whoever answers hellos
    if (garbage.length >= 12 && count % 3 > 0) writeSessionId(garbage, count % 3 === 1 ? nearId : 0)
    flood.send(garbage, place.port, LOOPBACK)
    // the server reads it in the same process
    if (count % 20 === 0) await turn()
    if (count === 5000) client.flow().write(1, 100, 2000)
  }
  await server.until(() => server.read.length === 100)
  server.flow().write(1, 1)
  await client.until(() => client.read.length === 1)
  t.same(server.read, numbers(1, 100))
  t.equal(server.socket.size, 1)
  t.ok(server.session!.packetsIn <= client.session!.packetsOut)
  flood.close()
})

t.test('what cannot be sent is lost, and that is all', async t => {
  const { client, server, place } = await bound(t)
  const gateway = new End({
    identity: serverIdentity,
    redirect: () => [
      { address: LOOPBACK, port: 0 },
      { address: '255.255.255.255', port: 1 },
      { address: '2001:db8::1', port: 1935 },
      place
    ]
  })
  const asked = await gateway.socket.bind({ address: LOOPBACK })
  const dead = await deadPort()
  const session = await client.socket.open(URI, [{ address: LOOPBACK, port: dead }, asked])
  t.match(session.address, place)
  await talk(client, server, 1)
  await gateway.socket.close()
})

t.test('an opening fails for what is wrong with it', async t => {
  const { client, server, place } = await bound(t)
  t.throws(() => client.socket.open(URI, [{ ...place, address: 'localhost' }]), TypeError)
  for (const port of [0, 65_536, 1.5]) t.throws(() => client.socket.open(URI, [{ ...place, port }]), RangeError)
  const other = new End({ identity: new Identity({ groups: [14] }) })
  await other.socket.bind({ address: LOOPBACK })
  await t.rejects(other.socket.open(URI, [place]), { code: 'ERR_RTMP_RTMFP_KEYING' })
  const closed = t.rejects(other.socket.open(URI, [{ ...place, port: await deadPort() }]), {
    code: 'ERR_RTMP_PREMATURE_CLOSE'
  })
  await other.socket.close()
  await closed
  await t.rejects(other.socket.open(URI, [place]), { code: 'ERR_RTMP_PREMATURE_CLOSE' })
  await t.rejects(other.socket.bind(), { code: 'ERR_RTMP_PREMATURE_CLOSE' })
  await t.rejects(client.socket.bind(place), { code: 'EADDRINUSE' })
  await t.rejects(client.socket.bind({ address: '192.0.2.1' }), { code: 'EADDRNOTAVAIL' })
  const early = new End({ identity: clientIdentity })
  const opening = early.socket.open(URI, [place])
  t.match(await early.socket.bind({ address: 'localhost' }), { address: /^(127\.0\.0\.1|::1)$/ })
  if (early.socket.addresses[0]!.family === 'IPv6') await early.socket.bind({ address: LOOPBACK })
  t.equal(await opening, early.session, 'it waits until the socket is bound')
  await early.socket.close()
  t.equal(server.socket.size, 1)
})

t.test('a close waits for the answers of peers, but not for ever', async t => {
  const clock = new TestClock()
  const { client, server, place, box } = await bound(t, { address: LOOPBACK }, {}, { client: { clock } })
  const session = await client.socket.open(URI, [place])
  await talk(client, server, 1)
  box!.isCut = true
  let isOver = false
  const closing = client.socket.close().then(() => {
    isOver = true
  })
  clock.pass(1999)
  await turn()
  t.match([session.state, isOver], ['near close', false])
  clock.pass(1)
  await closing
  t.match([session.state, clock.timers], ['closed', 0])
  t.equal(client.socket.close(), client.socket.close(), 'once')
  box!.isCut = false
  await server.socket.close({ orderly: false })
  t.match(server.session, { state: 'closed', closeReason: 'near' })
})

/** A process of its own, which runs a module that imports what this file does. */
function run(script: string, execArgv: readonly string[] = []): ChildProcess {
  const from = (path: string) => new URL(`../../../lib/${path}`, import.meta.url).href
  const head = `
    import { RtmfpSocket } from '${from('transport/rtmfp/rtmfp-socket.js')}'
    import { Identity } from '${from('rtmfp/crypto/identity.js')}'
    import dgram from 'node:dgram'
  `
  const argv = [...execArgv, '--input-type=module', '--eval', head + script]
  return spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
}

t.test('a bound socket keeps its process alive, and a closed one does not', async t => {
  const child = run(`
    const socket = new RtmfpSocket({
      identity: new Identity({ groups: [2], acceptsAncillaryData: true }),
      opened: session => void session.wake(),
      closed: () => void socket.close()
    })
    const { port } = await socket.bind({ address: '127.0.0.1' })
    process.stdout.write(String(port))
  `)
  const exited = once(child, 'exit')
  const [port] = await once(child.stdout!, 'data')
  const client = new End({ identity: clientIdentity })
  await client.socket.bind({ address: LOOPBACK })
  const session = await client.socket.open(URI, [{ address: LOOPBACK, port: Number(port) }])
  session.close(performance.now(), false)
  t.same(await exited, [0, null])
  await client.socket.close()
})

t.test('sessions are asked for no more than the kernel takes', async t => {
  const sink = dgram.createSocket('udp4')
  const bound = once(sink, 'listening')
  sink.bind(0, LOOPBACK)
  await bound
  let hellos = 0
  sink.on('message', () => hellos++)
  // with this flag the kernel seems not to take a datagram at once
  const child = run(
    `
      let most = 0
      let count = 0
      const { send } = dgram.Socket.prototype
      dgram.Socket.prototype.send = function (...args) {
        most = Math.max(most, this.getSendQueueCount())
        send.apply(this, args)
        if (++count === 200) process.stdout.write(String(most))
      }
      const socket = new RtmfpSocket({ identity: new Identity({ groups: [2] }) })
      for (let peer = 0; peer < 200; peer++)
        socket.open({ fingerprint: Buffer.alloc(32, peer) }, [{ address: '127.0.0.1', port: ${sink.address().port} }]).catch(() => {})
      await socket.bind({ address: '127.0.0.1' })
    `,
    ['--test-udp-no-try-send']
  )
  t.teardown(() => child.kill())
  const [most] = await once(child.stdout!, 'data')
  t.equal(String(most), '64')
  while (hellos < 200) await once(sink, 'message')
  t.pass('and it goes on')
  sink.close()
})
