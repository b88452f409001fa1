/** What datagrams cost on loopback, both ends in one process: by node:dgram alone, encrypted, and as the messages of a flow. */
import * as dgram from 'node:dgram'
import { once } from 'node:events'
import { Identity } from '../lib/rtmfp/crypto/identity.ts'
import { PacketOpener } from '../lib/rtmfp/crypto/packet-opener.ts'
import { PacketSealer } from '../lib/rtmfp/crypto/packet-sealer.ts'
import { Flows } from '../lib/rtmfp/flow/flows.ts'
import { RtmfpSocket } from '../lib/transport/rtmfp/rtmfp-socket.ts'
import { UdpSocket } from '../lib/transport/rtmfp/udp-socket.ts'

const LOOPBACK = '127.0.0.1'
const BYTES = 1204
/** Datagrams of one turn, and of a round. */
const TURN = 32
const COUNT = 40_000
const ROUNDS = 5

interface Path {
  send(): void
  received: number
  close(): void
}

/** CPU ns a datagram, that of the kernel included; median of the rounds. */
async function cost(path: Path): Promise<number> {
  const costs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = path.received
    const begun = process.cpuUsage()
    for (let sent = 0; sent < COUNT; sent += TURN) {
      for (let i = 0; i < TURN; i++) path.send()
      while (path.received - before <= sent) await new Promise(resolve => setImmediate(resolve))
    }
    const { user, system } = process.cpuUsage(begun)
    costs.push(((user + system) * 1000) / COUNT)
  }
  path.close()
  return costs.sort((a, b) => a - b)[ROUNDS >> 1]!
}

async function alone(isConnected: boolean, options: Partial<dgram.SocketOptions> = {}): Promise<Path> {
  const [near, far] = [dgram.createSocket({ type: 'udp4', ...options }), dgram.createSocket('udp4')]
  far.bind(0, LOOPBACK)
  await once(far, 'listening')
  const { port } = far.address()
  if (isConnected) {
    near.connect(port, LOOPBACK)
    await once(near, 'connect')
  }
  const bytes = Buffer.alloc(BYTES)
  const path = {
    received: 0,
    send: () => (isConnected ? near.send(bytes) : near.send(bytes, port, LOOPBACK)),
    close: () => [near, far].forEach(socket => void socket.close())
  }
  far.on('message', () => path.received++)
  return path
}

async function encrypted(address: string, hasCrypto: boolean): Promise<Path> {
  const protection = { key: Buffer.alloc(32, 1), hmacKey: Buffer.alloc(32, 2), hmacLength: 16, isSequenced: true }
  const [sealer, opener] = [new PacketSealer(protection), new PacketOpener(protection)]
  const packet = Buffer.alloc(BYTES - 32)
  const bytes = Buffer.alloc(BYTES)
  const near = await UdpSocket.bind({ address }, () => {})
  const far = await UdpSocket.bind({ address }, datagram => {
    if (!hasCrypto || opener.open(datagram.subarray(4)) !== undefined) path.received++
  })
  const to = { address: LOOPBACK, port: far.address.port }
  const path = {
    received: 0,
    send: () => near.send({ bytes: hasCrypto ? sealer.seal(packet, 4) : bytes, to }),
    close: () => [near, far].forEach(socket => void socket.close())
  }
  return path
}

/** Each message of the flow has about what a datagram carries, acknowledgements come back. */
async function flow(): Promise<Path> {
  const read = { received: 0 }
  const far = new RtmfpSocket({
    identity: new Identity({ groups: [2], acceptsAncillaryData: true }),
    opened: session =>
      new Flows(session, {
        accept: () => ({
          readable: flow => {
            while (flow.read() !== undefined) read.received++
          }
        })
      })
  })
  let flows: Flows | undefined
  const near = new RtmfpSocket({
    identity: new Identity({ groups: [2], isStatic: true }),
    opened: session => {
      flows = new Flows(session)
      return flows
    }
  })
  await near.bind({ address: LOOPBACK })
  const { port } = await far.bind({ address: LOOPBACK })
  await near.open({ ancillaryData: Buffer.from('rtmfp://bench/') }, [{ address: LOOPBACK, port }])
  const sending = flows!.open({ metadata: Buffer.from('bench') })
  const payload = Buffer.alloc(1100)
  return Object.assign(read, {
    send: () => void sending.write(payload, performance.now()),
    close: () => void Promise.all([near.close({ orderly: false }), far.close({ orderly: false })])
  })
}

/** Prints the table. */
export async function tellDatagrams(): Promise<void> {
  console.log('\n| datagrams of 1204 bytes on loopback, sent and received | CPU ns each | s/GB |\n| --- | --- | --- |')
  const paths: Record<string, () => Promise<Path>> = {
    'node:dgram, dns.lookup': () => alone(false),
    'node:dgram, connected': () => alone(true),
    'UdpSocket of IPv4': () => encrypted(LOOPBACK, false),
    'UdpSocket of both families, IPv4': () => encrypted('::', false),
    'UdpSocket, AES and HMAC': () => encrypted(LOOPBACK, true),
    'RtmfpSocket, messages of a flow and their acknowledgements': flow
  }
  for (const [name, open] of Object.entries(paths)) {
    const ns = await cost(await open())
    console.log(`| ${name} | ${ns.toFixed(0)} | ${(ns / BYTES).toFixed(2)} |`)
  }
}
