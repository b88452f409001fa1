/** A hostile peer of RTMFP, a row a threat: M1 is what strangers send, M2 what comes in a session. A witness beside it loses nothing. */
import { readFileSync } from 'node:fs'
import { type Message, MessageTypeId } from 'rtmpipe'
import t from 'tap'
import { DiffieHellman, numberOf, primeOf } from '../../lib/crypto/diffie-hellman.ts'
import { Identity } from '../../lib/rtmfp/crypto/identity.ts'
import { writeKeyComponent } from '../../lib/rtmfp/crypto/key-component.ts'
import { defaultTerms } from '../../lib/rtmfp/crypto/terms.ts'
import { flowMetadata } from '../../lib/rtmfp/flow-mapping/flow-metadata.ts'
import { type Place, StartupPackets } from '../../lib/rtmfp/session/datagrams.ts'
import type { Session } from '../../lib/rtmfp/session/session.ts'
import { type RtmfpChunk, RtmfpChunkType } from '../../lib/rtmfp/wire/chunk.ts'
import { flowOptions } from '../../lib/rtmfp/wire/flow-options.ts'
import type { IIKeying } from '../../lib/rtmfp/wire/keying-chunks.ts'
import type { UserData } from '../../lib/rtmfp/wire/user-data.ts'
import { alive } from '../support/memory.ts'
import { Messages } from '../support/rtmfp-messages.ts'
import { Network, type Node, place } from '../support/rtmfp-network.ts'

const URI = { ancillaryData: Buffer.from('rtmfp://server/live') }
const [serverAt, witnessAt, guestAt] = [place('192.0.2.1'), place('192.0.2.2'), place('192.0.2.3')]
const [ephemeral, fixed] = [false, true].map(
  isStatic => new Identity({ groups: [2], isStatic, acceptsAncillaryData: true })
) as [Identity, Identity]
const [witnessIdentity, guestIdentity] = [1, 2].map(() => new Identity({ groups: [2], isStatic: true })) as [
  Identity,
  Identity
]
const startup = new StartupPackets()
const KiB = 1024

/** A server, a client of it that does no harm, and what a guest does to it. */
class Stage {
  readonly network: Network = new Network()
  readonly server: Node
  readonly flows = new Map<Session, Messages>()
  readonly witness: Node
  /** What a guest has to say in its session, a packet each. */
  readonly #says: RtmfpChunk[][] = []
  guest: Session | undefined
  #told = 0

  constructor(identity: Identity) {
    const opened = (role: 'client' | 'server') => (session: Session) => {
      const flows = new Messages(session, { role })
      this.flows.set(session, flows)
      return flows.flows
    }
    this.server = this.network.node(serverAt, { identity, opened: opened('server') })
    this.witness = this.network.node(witnessAt, { identity: witnessIdentity, opened: opened('client') })
    this.witness.endpoint.open(URI, [serverAt], this.network.now)
    this.network.pass(100)
  }

  /** The witness says something, which the server has at once, and no more often. */
  goesOn(): boolean {
    const command: Message = {
      type: MessageTypeId.CommandAmf0,
      messageStreamId: 0,
      timestamp: ++this.#told,
      payload: Buffer.of(1)
    }
    this.flows.get(this.witness.opened[0]!)!.put(command, this.network.now)
    this.network.pass(1000)
    const [heard, more] = [1, 2].map(() => this.flows.get(this.server.opened[0]!)!.read()?.timestamp)
    return heard === this.#told && more === undefined
  }

  /** Gives the server a datagram; the bytes of each answer. */
  gives(bytes: Buffer, from: Place = guestAt): number[] {
    this.server.flush()
    const before = this.network.sent.length
    this.server.endpoint.input(bytes, from, this.network.now)
    this.server.flush()
    return this.network.sent.slice(before).map(({ bytes }) => bytes.length)
  }

  /** Opens the session of the guest, and gives its own end at the server. */
  enters(): Session {
    const node = this.network.node(guestAt, {
      identity: guestIdentity,
      // it asks nothing of its own
      maxDatagramBytes: 1204,
      opened: () => ({
        receive() {},
        received() {},
        fill: () => {
          const chunks = this.#says.shift()
          return chunks && { chunks, timeCritical: false, timeCriticalReverse: false }
        },
        nextTimeout: () => Number.POSITIVE_INFINITY,
        elapsed() {},
        over() {}
      })
    })
    node.endpoint.open(URI, [serverAt], this.network.now)
    this.network.pass(100)
    this.guest = node.opened[0]!
    return this.server.opened.at(-1)!
  }

  /** Enters, and opens the flows of control both ways. */
  connects(): Messages {
    const messages = this.flows.get(this.enters())!
    this.says([data(1, 1)])
    messages.read()
    messages.put(
      { type: MessageTypeId.CommandAmf0, messageStreamId: 0, timestamp: 0, payload: Buffer.of(1) },
      this.network.now
    )
    this.network.pass(50)
    return messages
  }

  /** Says packets of chunks in the session of the guest; how many datagrams came back. */
  says(...packets: RtmfpChunk[][]): number {
    this.#says.push(...packets)
    this.guest!.wake()
    const before = this.network.sent.length
    this.network.pass(300)
    return this.network.sent.slice(before).filter(({ to }) => to.address === guestAt.address).length
  }

  /** Of the guest, at the server. */
  get held(): Messages['flows'] {
    return this.flows.get(this.server.opened.at(-1)!)!.flows
  }
}

interface Case {
  readonly row: 'M1' | 'M2'
  readonly what: string
  /** What must not be so, if anything. */
  run(stage: Stage): string[]
}

const wrongIf = (...checks: [boolean, string][]): string[] => checks.filter(([is]) => is).map(([, what]) => what)
const times = <Value>(count: number, make: (i: number) => Value): Value[] =>
  Array.from({ length: count }, (_, i) => make(i))

/** The datagram of an IHello that has so many bytes, as an attacker would pad it. */
function helloOf(length: number, i: number): Buffer {
  const endpointDiscriminator = Buffer.of(2, 0x0a, 0x2f)
  // id, checksum, flags, header, and the length of the discriminator; the rest is the tag, up to the last block
  const tag = Buffer.alloc(length - 4 - 2 - 1 - 3 - 1 - endpointDiscriminator.length, i & 0xff)
  return startup.seal({ kind: 'IHello', endpointDiscriminator, tag })
}

/** An IIKeying whose cookie the server has just made for the guest. */
function keyingOf(stage: Stage, change: Partial<IIKeying>): Buffer {
  stage.server.endpoint.input(helloOf(148, 1), guestAt, stage.network.now)
  stage.server.flush()
  const [hello] = startup.open(stage.network.sent.at(-1)!.bytes.subarray(4))!
  if (hello?.kind !== 'RHello') throw new Error('the hello has no answer')
  const publicKey = new DiffieHellman(2).publicKey
  return startup.seal({
    kind: 'IIKeying',
    initiatorSessionId: 7,
    cookieEcho: hello.cookie,
    certificate: new Identity({ groups: [2] }).certificate.bytes,
    keyComponent: writeKeyComponent({ terms: defaultTerms, ephemeralKey: { group: 2, publicKey } }),
    signature: Buffer.from('X'),
    ...change
  })
}

const metadata = flowMetadata({ messageStreamId: 1, receiveOrder: 'sequence' })
/** That it answers the first flow of the server, as all but the first of a client do. */
const answering = { options: flowOptions({ metadata, returnFlowId: 1 }) }
const options = flowOptions({ metadata })
const data = (flowId: number, sequenceNumber: number, told: Partial<UserData> = {}): UserData => ({
  kind: 'UserData',
  flowId,
  sequenceNumber,
  forwardSequenceNumber: 0,
  fragmentControl: 'whole',
  abandon: false,
  final: false,
  options:
    flowId === 1 ? flowOptions({ metadata: flowMetadata({ messageStreamId: 0, receiveOrder: 'sequence' }) }) : options,
  data: Buffer.alloc(100),
  ...told
})
/** Bytes of a chunk as they are, whatever they say. */
const raw = (type: number, digits: string): RtmfpChunk => ({
  kind: 'Unknown',
  type,
  payload: Buffer.from(digits.replaceAll(' ', ''), 'hex')
})

const weak: [string, Buffer][] = [
  ['1', Buffer.of(1)],
  ['p - 1', Buffer.from((numberOf(primeOf(2)) - 1n).toString(16), 'hex')],
  ['p', primeOf(2)],
  ['64 KiB of ones', Buffer.alloc(65_000, 0xff)],
  ['nothing', Buffer.alloc(0)]
]

const cases: readonly Case[] = [
  {
    row: 'M1',
    what: 'spoofed hellos of 20, 36, 52 and 68 bytes: no state, no answer of more than three times their size',
    run: stage =>
      [20, 36, 52, 68, 148].flatMap(length => {
        const answers = times(500, i => stage.gives(helloOf(length, i), place('198.51.100.7', i))).flat()
        return wrongIf(
          [answers.some(each => each > 3 * length), `${length} bytes are answered with ${Math.max(...answers)}`],
          [length === 148 && answers.length !== 500, 'no hello is answered'],
          [stage.server.endpoint.size > 1, `${stage.server.endpoint.size} sessions`]
        )
      })
  },
  {
    row: 'M1',
    what: 'a keying with a weak public key opens nothing, and has no answer',
    run: stage =>
      weak.flatMap(([name, publicKey]) => {
        const keyComponent = writeKeyComponent({ terms: defaultTerms, ephemeralKey: { group: 2, publicKey } })
        const answers = stage.gives(keyingOf(stage, { keyComponent }))
        return wrongIf([answers.length > 0 || stage.server.endpoint.size > 1, name])
      })
  },
  {
    row: 'M1',
    what: 'a good keying opens one session, however often it comes',
    run: stage => {
      const keying = keyingOf(stage, {})
      const answers = times(50, () => stage.gives(keying)).flat()
      return wrongIf(
        [stage.server.endpoint.size !== 2, `${stage.server.endpoint.size} sessions`],
        [answers.some(each => each > keying.length), 'it is answered with more than it is']
      )
    }
  },
  {
    row: 'M1',
    what: 'a cookie that was made for another address opens nothing: it is changed',
    run: stage => {
      const keying = keyingOf(stage, {})
      const answers = stage.gives(keying, place(guestAt.address, 9))
      const [change] = startup.open(stage.network.sent.at(-1)!.bytes.subarray(4)) ?? []
      return wrongIf(
        [stage.server.endpoint.size > 1, `${stage.server.endpoint.size} sessions`],
        [answers.length !== 1 || answers[0]! > keying.length, `${answers} bytes in answer`],
        // to the id of its session, under the key that everybody knows
        [change?.kind !== 'CookieChange', `${change?.kind}`]
      )
    }
  },
  {
    row: 'M1',
    what: 'forged cookies, ten thousand of them',
    run: stage => {
      const answers = times(10_000, i => {
        const cookieEcho = Buffer.alloc(64, i & 0xff)
        cookieEcho.writeUInt32BE(Math.floor(stage.network.now / 1000))
        const chunk = {
          initiatorSessionId: 7,
          certificate: Buffer.alloc(0),
          keyComponent: Buffer.alloc(0),
          signature: Buffer.alloc(0)
        }
        return stage.gives(startup.seal({ kind: 'IIKeying', cookieEcho, ...chunk }))
      }).flat()
      return wrongIf([answers.length > 0 || stage.server.endpoint.size > 1, 'answers'])
    }
  },
  {
    row: 'M1',
    what: 'a certificate of a megabyte, in fragments',
    run: stage => {
      const before = alive()
      const answers = times(1000, fragmentNumber =>
        stage.gives(
          startup.seal({
            kind: 'PacketFragment',
            more: fragmentNumber < 999,
            packetId: 1,
            fragmentNumber,
            data: Buffer.alloc(1100)
          })
        )
      ).flat()
      stage.network.sent.length = 0
      const grown = alive() - before
      return wrongIf([answers.length > 0, 'it is answered'], [grown > 500 * KiB, `${grown} bytes are held`])
    }
  },
  {
    row: 'M1',
    what: 'ten thousand packets of which one fragment comes, each from elsewhere',
    run: stage => {
      const before = alive()
      for (let i = 0; i < 10_000; i++) {
        const chunk: RtmfpChunk = {
          kind: 'PacketFragment',
          more: true,
          packetId: i,
          fragmentNumber: 0,
          data: Buffer.alloc(1100)
        }
        stage.gives(startup.seal(chunk), place('198.51.100.7', i))
      }
      const grown = alive() - before
      return wrongIf([grown > 1000 * KiB, `${grown} bytes are held`])
    }
  },
  {
    row: 'M1',
    what: 'redirects to nine thousand addresses, and a cookie that changes for ever, against a client',
    run: stage => {
      const { network } = stage
      const client = network.node(guestAt, { identity: guestIdentity })
      const opening = client.endpoint.open(URI, [place('192.0.2.77')], network.now)
      const destinations = times(9000, i => ({ address: `198.51.${i >> 8}.${i & 255}`, port: 1935, origin: 0 }))
      client.endpoint.input(
        startup.seal({ kind: 'Redirect', tagEcho: opening.tag, destinations }),
        serverAt,
        network.now
      )
      client.endpoint.elapsed(network.now)
      const hellos = [...client.endpoint.output(network.now)].length
      const hello: RtmfpChunk = {
        kind: 'RHello',
        tagEcho: opening.tag,
        cookie: Buffer.alloc(64),
        certificate: ephemeral.certificate.bytes
      }
      client.endpoint.input(startup.seal(hello), serverAt, network.now)
      let keyings = 0
      for (let i = 0; i < 100; i++) {
        client.endpoint.elapsed(network.now)
        keyings += [...client.endpoint.output(network.now)].length
        const change: RtmfpChunk = {
          kind: 'CookieChange',
          oldCookie: Buffer.alloc(64, i),
          newCookie: Buffer.alloc(64, i + 1)
        }
        client.endpoint.input(startup.seal(change, opening.nearId), serverAt, network.now)
      }
      client.endpoint.close(network.now)
      return wrongIf([hellos !== 24, `${hellos} hellos`], [keyings !== 2, `${keyings} keyings`])
    }
  },
  {
    row: 'M2',
    what: 'every packet again, a hundred times, from here and from elsewhere: nothing is read twice, asked, or answered',
    run: stage => {
      const session = stage.enters()
      stage.says([data(1, 1)], [data(1, 2)], [{ kind: 'Ping', message: Buffer.alloc(9) }])
      stage.network.pass(5000)
      const { flows } = stage
      const read = times(9, () => flows.get(session)!.read()).filter(Boolean).length
      const packets = stage.network.sent.filter(
        ({ from, bytes }) => from === guestAt && startup.open(bytes.subarray(4)) === undefined
      )
      const answers = packets.flatMap(({ bytes }) =>
        [guestAt, place('203.0.113.5')].flatMap(from => times(100, () => stage.gives(bytes, from)).flat())
      )
      const again = flows.get(session)!.read()
      return wrongIf(
        [read !== 2 || again !== undefined, 'a message is read twice'],
        [packets.length < 3 || answers.length > 0, `${answers.length} answers`],
        [session.address.address !== guestAt.address, 'it has moved']
      )
    }
  },
  {
    row: 'M2',
    what: 'ten thousand flows, and metadata of 513 bytes',
    run: stage => {
      stage.enters()
      for (let id = 2; id < 10_000; id += 20) stage.says(times(20, i => data(id + i, 1, { data: Buffer.alloc(8) })))
      const { receiving } = stage.held.sizes
      const long = stage.says([data(10_001, 1, { options: flowOptions({ metadata: Buffer.alloc(513) }) })])
      return wrongIf(
        [receiving > 256, `${receiving} flows`],
        [stage.held.sizes.receiving > receiving || long === 0, 'metadata is kept']
      )
    }
  },
  {
    row: 'M2',
    what: 'gaps of 2^40',
    run: stage => {
      stage.enters()
      const numbers = times(2000, i => 2 ** 40 * (i + 1))
      for (let i = 0; i < 2000; i += 8) stage.says(numbers.slice(i, i + 8).map(each => data(1, each)))
      const { heldBytes } = stage.held
      return wrongIf([heldBytes > 1024 * 228, `${heldBytes} bytes held`], [heldBytes < 1024 * 100, 'nothing is'])
    }
  },
  {
    row: 'M2',
    what: 'fragments that overlap, contradict each other, and a message of empty ones without an end',
    run: stage => {
      const session = stage.enters()
      for (const fragmentControl of ['begin', 'whole', 'middle', 'end'] as const)
        stage.says(times(8, i => data(1, 1 + i, { fragmentControl })))
      const { heldBytes } = stage.held
      const empty = { fragmentControl: 'middle', data: Buffer.alloc(0), options: [] } as const
      stage.says([data(2, 1, { fragmentControl: 'begin' })])
      const first = data(1, 9, { fragmentControl: 'begin' })
      for (let i = 0; i < 900; i++)
        stage.says([...(i === 0 ? [first] : []), ...times(100, j => data(1, 10 + i * 100 + j, empty))])
      // more than 1,024 fragments have 128 bytes each, or the message is too long: here 81,920 more, as 10 MiB allow
      const most = stage.held.heldBytes
      return wrongIf(
        [heldBytes > 8 * 228, `${heldBytes} bytes of fragments that overlap`],
        [most > 100 * KiB, `${most} bytes of empty fragments`],
        [session.state !== 'open', session.state]
      )
    }
  },
  {
    row: 'M2',
    what: 'numbers of 10 bytes are read, those of 11 and those above 2^53 cost their chunk',
    run: stage => {
      const session = stage.enters()
      const flow = (id: string) => raw(RtmfpChunkType.UserData, `80 ${id} 01 01 05 00 54430400 00 1400000000`)
      stage.says([
        flow('8080808080808080808002'),
        flow('9080808080808000'),
        flow('80808080808080808001'),
        raw(0x18, 'ff'.repeat(20))
      ])
      const { flows } = stage
      const read = times(3, () => flows.get(session)!.read()).filter(Boolean).length
      return wrongIf([read !== 1, `${read} messages`], [session.state !== 'open', session.state])
    }
  },
  {
    row: 'M2',
    what: 'Next User Data without User Data, and behind one that is malformed',
    run: stage => {
      stage.enters()
      const next = raw(RtmfpChunkType.NextUserData, '00 00')
      stage.says(
        times(50, () => next),
        [raw(RtmfpChunkType.UserData, '00 05 80'), next]
      )
      return wrongIf([stage.held.sizes.receiving > 0, `${stage.held.sizes.receiving} flows`])
    }
  },
  {
    row: 'M2',
    what: 'acknowledgements of what was never sent, in 32,000 ranges, and in a bitmap of 64 KiB',
    run: stage => {
      const session = stage.enters()
      stage.says([data(1, 1)])
      const messages = stage.flows.get(session)!
      messages.read()
      const message: Message = { type: 20, messageStreamId: 0, timestamp: 0, payload: Buffer.alloc(60_000) }
      messages.put(message, stage.network.now)
      stage.network.pass(200)
      const { queuedBytes, congestion } = stage.held
      const pairs = raw(RtmfpChunkType.RangeAck, `01 40 00 ${'00 00'.repeat(32_700)}`)
      const bits = raw(RtmfpChunkType.BitmapAck, `01 40 00 ${'55'.repeat(65_000)}`)
      const all: RtmfpChunk = {
        kind: 'RangeAck',
        flowId: 1,
        bufferBlocksAvailable: 2 ** 40,
        cumulativeAck: 2 ** 53 - 1,
        received: []
      }
      stage.says(
        [pairs],
        [bits],
        [all],
        times(100, () => all)
      )
      const { windowBytes } = stage.held.congestion
      return wrongIf(
        [
          queuedBytes === 0 || stage.held.queuedBytes !== queuedBytes,
          `${stage.held.queuedBytes} of ${queuedBytes} are queued`
        ],
        [windowBytes > congestion.windowBytes, `the window has grown to ${windowBytes}`]
      )
    }
  },
  {
    row: 'M2',
    what: 'five thousand pings, and as many hellos to pass on',
    run: stage => {
      const session = stage.enters()
      const pings = stage.says(times(5000, () => ({ kind: 'Ping', message: Buffer.alloc(8) })))
      const replyAddress = { ...place('203.0.113.5'), origin: 2 }
      const endpointDiscriminator = Buffer.of(2, 0x0a, 0x2f)
      stage.says(times(1000, () => ({ kind: 'FIHello', endpointDiscriminator, replyAddress, tag: Buffer.alloc(16) })))
      const strangers = stage.network.sent.filter(({ to }) => to.address === replyAddress.address).length
      return wrongIf(
        [pings > 16, `${pings} answers`],
        [strangers > 0, `${strangers} to a stranger`],
        [session.state !== 'open', '']
      )
    }
  },
  {
    row: 'M2',
    what: 'a thousand addresses in a second: one is asked',
    run: stage => {
      stage.enters()
      const before = stage.network.sent.length
      stage.says(...times(1000, (): RtmfpChunk[] => [{ kind: 'BufferProbe', flowId: 1 }]))
      const packets = stage.network.sent.slice(before).filter(({ from }) => from === guestAt)
      const second = stage.server.opened.at(-1)!
      stage.network.pass(2000)
      const again = stage.network.sent.length
      // none of these has come, as a NAT would have it
      stage.network.isCut = true
      stage.says(...times(1000, (): RtmfpChunk[] => [{ kind: 'BufferProbe', flowId: 1 }]))
      const late = stage.network.sent.slice(again).filter(({ from }) => from === guestAt)
      stage.network.isCut = false
      const answers = late.flatMap(({ bytes }, i) => stage.gives(bytes, place('203.0.113.5', 1 + i)))
      return wrongIf(
        [packets.length < 1000 || late.length < 1000, 'the guest says nothing'],
        [answers.length !== 1, `${answers.length} are asked`],
        [second.address.address !== guestAt.address, 'it has moved']
      )
    }
  },
  {
    row: 'M2',
    what: 'more than an application reads, on as many flows as there may be',
    run: stage => {
      stage.connects()
      const payload = Buffer.alloc(1000)
      for (let sequence = 1; sequence <= 80; sequence++)
        for (let id = 1; id <= 256; id++)
          stage.held.receive(data(id, sequence, { ...answering, data: payload }), stage.network.now)
      const { heldBytes } = stage.held
      return wrongIf(
        [heldBytes > 16 * 1024 * KiB + 2000, `${heldBytes} bytes held`],
        [heldBytes < 8 * 1024 * KiB, `${heldBytes}`]
      )
    }
  },
  {
    row: 'M2',
    what: 'sixty-five flows that wait for what never comes: the first waits no longer',
    run: stage => {
      const messages = stage.connects()
      const audio = Buffer.from('0800000005ff', 'hex')
      const sync = (id: number) =>
        Buffer.from(`0400000000 0022 ${id.toString(16).padStart(8, '0')} 00000002`.replaceAll(' ', ''), 'hex')
      const counts = [64, 1].map((count, i) => {
        for (let n = 0; n < count; n++) {
          const id = 10 + 64 * i + n
          stage.says([data(id, 1, { ...answering, data: sync(id) }), data(id, 2, { data: audio })])
        }
        return times(3, () => messages.read()).filter(Boolean).length
      })
      return wrongIf([`${counts}` !== '0,1', `${counts} are read`])
    }
  }
]

let ran = 0
for (const [name, identity] of [
  ['an ephemeral', ephemeral],
  ['a static', fixed]
] as const) {
  for (const { row, what, run } of cases.filter(({ row }) => row === 'M1' || identity === ephemeral)) {
    ran++
    t.test(`${row} ${what}, at ${name} server`, async t => {
      const stage = new Stage(identity)
      t.ok(stage.goesOn())
      t.same(run(stage), [])
      t.ok(stage.goesOn(), 'the witness goes on')
      t.match(stage.witness.opened, [{ state: 'open' }])
    })
  }
}

t.test('as many as SECURITY.md says', async t => {
  const [, told] = /test\/rtmfp\/hostile.test.ts.*?\| (\d+) \|/.exec(readFileSync('SECURITY.md', 'utf8'))!
  t.equal(ran, Number(told))
})
