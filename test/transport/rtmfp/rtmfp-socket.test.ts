import t, { type Test } from 'tap'
import { Identity } from '../../../lib/rtmfp/crypto/identity.ts'
import { Flows } from '../../../lib/rtmfp/flow/flows.ts'
import type { SendingFlow } from '../../../lib/rtmfp/flow/sending-flow.ts'
import type { Session } from '../../../lib/rtmfp/session/session.ts'
import { RtmfpSocket, type RtmfpSocketOptions } from '../../../lib/transport/rtmfp/rtmfp-socket.ts'
import type { BindOptions } from '../../../lib/transport/rtmfp/udp-socket.ts'
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

/** Sends messages both ways, and waits until they are read. */
async function talk(near: End, far: End, count: number, length?: number): Promise<void> {
  for (const [one, other] of [
    [near, far],
    [far, near]
  ] as const) {
    one.flow().write(1, count, length)
    await other.until(() => other.read.length >= count)
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
    await server.until(() => server.session?.state === 'far close')
    t.equal(session.closeReason, 'near')
  })

t.test('a socket of both families sees and names IPv4 as such', async t => {
  const { client, server, place } = await bound(t, {})
  t.equal(place.address, '::')
  await client.socket.open(URI, [{ ...place, address: LOOPBACK }])
  await talk(client, server, 1)
  t.match([client.session, server.session], [{ address: { address: LOOPBACK } }, { address: { address: LOOPBACK } }])
})
