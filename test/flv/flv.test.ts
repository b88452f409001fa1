import { execFileSync } from 'node:child_process'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { dataMessage, FlvReader, FlvWriter, flvDecoder, flvEncoder, type Message, writeAmf0 } from 'rtmpipe'
import t from 'tap'
import { bytewise, cut, cutAt } from '../support/chop.ts'
import { hex } from '../support/hex.ts'
import { audio, metadata, video, word } from '../support/media.ts'
import { without } from '../support/programs.ts'
import { buffers, holds } from '../support/property.ts'

const header = hex`464c56 01 05 00000009 00000000`
const tag = hex`08 000002 00002a 00 000000 afaa 0000000d`

const read = (pieces: Iterable<Buffer>, options?: ConstructorParameters<typeof FlvReader>[0]) => {
  const reader = new FlvReader(options)
  const messages = [...[...pieces].flatMap(piece => [...reader.messages(piece)]), ...reader.end()]
  return { messages, cut: reader.cut() }
}

t.test('a tag is a message', async t => {
  const { messages, cut } = read([hex`${header} ${tag}`])
  t.same(messages, [{ type: 8, messageStreamId: 0, timestamp: 42, payload: hex`afaa` }])
  t.equal(cut, undefined)
  const writer = new FlvWriter()
  t.same(Buffer.concat(writer.write(messages[0]!)), hex`${header} ${tag}`)
})

t.test('timestamps have 32 bits, the upper eight behind the lower', async t => {
  const late = hex`09 000001 345678 f2 000000 17 0000000c`
  const { messages } = read([hex`${header} ${late}`])
  t.equal(messages[0]?.timestamp, 0xf2345678)
  t.same(new FlvWriter().write(messages[0]!)[1], late)
})

t.test('the header says which tracks there are', async t => {
  const tracks = (...messages: Message[]) => {
    const writer = new FlvWriter()
    return messages.flatMap(message => writer.write(message))[0]![4]
  }
  t.equal(tracks(video.keyframe(0)), 5, 'both, where nothing tells')
  t.equal(tracks(metadata(0, { videocodecid: 7 }), video.keyframe(0)), 1)
  t.equal(tracks(metadata(0, { audiocodecid: 10 }), audio.frame(0)), 4)
  t.equal(tracks(metadata(0, { audiocodecid: 10, videocodecid: 7 })), 5)
  t.equal(tracks(metadata(0, {})), 5)
  t.equal(tracks({ ...metadata(), payload: hex`02 ffff` }), 5, 'metadata that cannot be read')
  t.equal(new FlvWriter({ tracks: { audio: true, video: false } }).begin()[0]?.[4], 4, 'or as told')
  let told: unknown
  read([hex`464c56 01 04 00000009 00000000`], {
    onHeader: tracks => {
      told = tracks
    }
  })
  t.same(told, { audio: true, video: false })
})

t.test('what is no audio, video or data is left out, and @setDataFrame taken off', async t => {
  const writer = new FlvWriter()
  t.same(writer.write({ ...audio.frame(0), type: 20 }), [])
  const [, written] = writer.write(dataMessage(['@setDataFrame', 'onMetaData', { width: 1 }]))
  t.same(written?.subarray(11, -4), writeAmf0('onMetaData', { width: 1 }))
})

t.test('data of type 15 becomes a script tag in AMF0: players skip tags of type 15', async t => {
  const writer = new FlvWriter()
  const body = ['onMetaData', { width: 1, audiocodecid: 10 }]
  const [header, written] = writer.write(dataMessage(['@setDataFrame', ...body], { encoding: 3, timestamp: 42 }))
  t.equal(header?.[4], 4)
  t.same(written, new FlvWriter().write(dataMessage(body, { timestamp: 42 }))[1])
  const [tag] = writer.write(dataMessage(['onCue', Buffer.of(1)], { encoding: 3 }))
  t.equal(tag?.[0], 15, 'what AMF0 cannot express stays as it is')
  t.equal(read([header!, tag!]).messages[0]?.type, 15, 'and is read')
})

t.test('a file without messages has a header', async t => {
  const encoder = flvEncoder()
  encoder.end()
  t.same(await buffer(encoder), header)
})

t.test('bytes that are no FLV', async t => {
  const cases: [string, Buffer, string, number][] = [
    ['another format', Buffer.from('RIFF....AVI LIST'), 'ERR_RTMP_FLV_HEADER', 0],
    ['another format, at its first byte', Buffer.from('G'), 'ERR_RTMP_FLV_HEADER', 0],
    ['a header shorter than itself', hex`464c56 01 05 00000008`, 'ERR_RTMP_FLV_HEADER', 0],
    ['a header of 4 GB', hex`464c56 01 05 ffffffff`, 'ERR_RTMP_FLV_HEADER', 0],
    ['a tag of no type', hex`${header} 00 000000 000000 00 000000`, 'ERR_RTMP_FLV_TAG', 13],
    ['a tag of 16 MB', hex`${header} 09 ffffff 000000 00 000000`, 'ERR_RTMP_MESSAGE_TOO_LONG', 13]
  ]
  for (const [name, bytes, code, offset] of cases) {
    t.throws(() => read([bytes]), { name: 'ProtocolError', layer: 'flv', code, offset }, name)
    t.throws(() => read(bytewise(bytes)), { code, offset }, `${name}, each byte alone`)
  }
})

t.test('a tag may be as long as the limit', async t => {
  const of = (length: number) =>
    hex`${header} 09 ${length.toString(16).padStart(6, '0')} 000000 00 000000 ${Buffer.alloc(length)}`
  t.equal(read([of(100)], { limits: { messageBytes: 100 } }).messages.length, 1)
  t.throws(() => read([of(101)], { limits: { messageBytes: 100 } }), { code: 'ERR_RTMP_MESSAGE_TOO_LONG' })
})

t.test('a longer header is skipped', async t => {
  t.equal(read([hex`464c56 01 05 0000000c aabbcc 00000000 ${tag}`]).messages.length, 1)
})

t.test('an encrypted tag passes as it is', async t => {
  const encrypted = hex`28 000002 00002a 00 000000 afaa 0000000d`
  const { messages } = read([hex`${header} ${encrypted}`])
  t.equal(messages[0]?.type, 0x28)
})

t.test('a previous tag size that lies is told, and passed over', async t => {
  const told: unknown[] = []
  const lying = hex`${header} 08 000002 00002a 00 000000 afaa 00000000 ${tag}`
  const { messages } = read([lying], { onPreviousTagSize: mismatch => told.push(mismatch) })
  t.equal(messages.length, 2)
  t.same(told, [{ offset: 26, expected: 13, found: 0 }])
  const decoder = flvDecoder()
  const events: unknown[] = []
  decoder.on('previousTagSize', mismatch => events.push(mismatch))
  decoder.on('header', tracks => events.push(tracks))
  decoder.end(lying)
  await decoder.toArray()
  t.same(events, [{ audio: true, video: true }, ...told])
})

t.test('a file may be cut anywhere: whole tags come out, and what is missing is told', async t => {
  const bytes = hex`${header} ${tag} ${tag}`
  for (let length = 0; length <= bytes.length; length++) {
    const { messages, cut } = read([bytes.subarray(0, length)])
    t.equal(messages.length, length < 26 ? 0 : length < 43 ? 1 : 2, `${length} bytes`)
    const atTheEndOfATag = [9, 13, 26, 30, 43, 47].includes(length)
    t.equal(cut === undefined, atTheEndOfATag, `${length} bytes, its end`)
  }
  const decoder = flvDecoder()
  let told: unknown
  decoder.on('truncated', cut => {
    told = cut
  })
  decoder.end(bytes.subarray(0, 25))
  await decoder.toArray()
  t.same(told, { layer: 'flv', offset: 25, missing: 1 })
})

t.test('damaged bytes are skipped, and told', async t => {
  const long = hex`09 000014 00002b 00 000000 ${Buffer.alloc(20, 0x61)} 0000001f`
  const late = hex`08 000002 00002c 00 000000 afaa 0000000d`
  const lying = (length: number) => {
    const tag = Buffer.from(long)
    tag.writeUIntBE(length, 1, 3)
    return tag
  }
  const cases: [string, Buffer, timestamps: number[], resync: unknown[]][] = [
    ['bytes between two tags', hex`${tag} ${Buffer.from('no tag')} ${late}`, [42, 44], [[30, 6]]],
    ['zeros of 4 KiB', hex`${tag} ${Buffer.alloc(4096)} ${late}`, [42, 44], [[30, 4096]]],
    [
      'a tag whose middle is lost',
      hex`${tag} ${long.subarray(0, 20)} ${long.subarray(25)} ${late}`,
      [42, 44],
      [[30, 30]]
    ],
    ['a tag whose end is lost', hex`${tag} ${long.subarray(0, 20)} ${late} ${late}`, [42, 44, 44], [[30, 20]]],
    ['a tag whose size is lost', hex`${tag} ${long.subarray(0, -4)} ${late}`, [42, 44], [[30, 31]]],
    ['a tag whose beginning is lost', hex`${tag} ${long.subarray(3)} ${late}`, [42, 44], [[30, 32]]],
    [
      'a tag with bytes too many',
      hex`${tag} ${long.subarray(0, 20)} 616161 ${long.subarray(20)} ${late}`,
      [42, 44],
      [[30, 38]]
    ],
    ['a tag that says it is shorter', hex`${tag} ${lying(10)} ${late}`, [42, 44], [[30, 35]]],
    ['a tag that says it is longer', hex`${tag} ${lying(30)} ${late} ${late}`, [42, 44, 44], [[30, 35]]],
    ['a tag that reaches over another to its end', hex`${tag} ${lying(37)} ${late} ${late}`, [42, 44, 44], [[30, 35]]],
    ['a tag that reaches beyond the file', hex`${tag} ${lying(9999)} ${late} ${late}`, [42, 44, 44], [[30, 35]]],
    ['a tag of 16 MB', hex`${tag} ${lying(0xffffff)} ${late} ${late}`, [42, 44, 44], [[30, 35]]],
    ['a tag of no type', hex`${tag} 00 ${long.subarray(1)} ${late}`, [42, 44], [[30, 35]]],
    [
      'two places',
      hex`${tag} 00 ${late} 0000 ${tag}`,
      [42, 44, 42],
      [
        [30, 1],
        [48, 2]
      ]
    ]
  ]
  for (const [name, bytes, timestamps, skipped] of cases) {
    for (const pieces of [[hex`${header} ${bytes}`], bytewise(hex`${header} ${bytes}`)]) {
      const told: unknown[] = []
      const { messages, cut } = read(pieces, { onResync: ({ offset, bytes }) => told.push([offset, bytes]) })
      t.same([messages.map(({ timestamp }) => timestamp), told, cut], [timestamps, skipped, undefined], name)
    }
    const strictly = () => read([hex`${header} ${bytes}`], { strict: true })
    if (name.includes('beyond'))
      t.match(strictly(), { messages: { length: 1 }, cut: { missing: 9941 } }, `${name}, strictly`)
    else t.throws(strictly, { name: 'ProtocolError', layer: 'flv', offset: 30 }, `${name}, strictly`)
  }
  const beheaded = hex`464c56 01 05 00000009 ${tag} ${late}`
  const told: unknown[] = []
  t.equal(read([beheaded], { onResync: skipped => told.push(skipped) }).messages.length, 2)
  t.same(told, [{ offset: 9, bytes: 0 }], 'the size ahead of the first tag is lost')

  const decoder = flvDecoder()
  decoder.on('resync', skipped => told.push(skipped))
  decoder.end(hex`${header} ${tag} 00 ${tag}`)
  t.equal((await decoder.toArray()).length, 2)
  t.same(told.at(-1), { offset: 30, bytes: 1 })
})

t.test('damaged bytes are searched for the next tag, so many and no more', async t => {
  const damaged = (length: number) => hex`${header} ${tag} ${Buffer.alloc(length)} ${tag}`
  const limits = { resyncBytes: 100 }
  t.equal(read([damaged(100)], { limits }).messages.length, 2)
  const reader = new FlvReader({ limits })
  const found: Message[] = []
  const error = { code: 'ERR_RTMP_FLV_TAG', layer: 'flv', offset: 30 }
  t.throws(() => found.push(...reader.messages(damaged(101))), error)
  t.throws(() => read(bytewise(damaged(101)), { limits }), error)
  t.throws(() => read([hex`${header} ${tag} ${Buffer.alloc(50)}`], { limits }), error, 'none to the end of the file')
  const decoder = flvDecoder({ limits })
  decoder.end(damaged(101))
  const seen: Message[] = []
  decoder.on('data', message => seen.push(message))
  await t.rejects(finished(decoder), error)
  t.equal(seen.length, 1, 'what came before them is read')
})

t.test('of a file that lacks bytes, or has some too many, all other tags are read, in order', async t => {
  // no body looks like a tag
  const body = fc.uint8Array({ min: 0x40, maxLength: 120 })
  const bodies = fc.array(body, { minLength: 1, maxLength: 8 })
  const damage = fc.oneof(
    fc.record({ lost: fc.nat(300), added: fc.constant(Buffer.alloc(0)) }),
    fc.record({ lost: fc.constant(0), added: fc.uint8Array({ maxLength: 60 }).map(bytes => Buffer.from(bytes)) })
  )
  holds(
    t,
    'damage',
    fc.property(
      bodies,
      damage,
      fc.nat(1000),
      fc.array(fc.nat(2000), { maxLength: 6 }),
      (bodies, damage, place, places) => {
        const payloads = [
          ...bodies.map(bytes => Buffer.from(bytes)),
          ...Array.from({ length: 4 }, () => Buffer.alloc(100, 0x61))
        ]
        const writer = new FlvWriter()
        const pieces = payloads.map((payload, timestamp) =>
          Buffer.concat(writer.write({ type: 9, messageStreamId: 0, timestamp, payload }))
        )
        const ends = pieces.map((_, at) => Buffer.concat(pieces.slice(0, at + 1)).length)
        const file = Buffer.concat(pieces)
        // the last tags stay: the end of a file confirms the tag that ends there
        const start = Math.min(13 + place, ends.at(-5)!)
        const end = Math.min(start + damage.lost, ends.at(-5)!)
        const damaged = Buffer.concat([file.subarray(0, start), damage.added, file.subarray(end)])
        const isWhole = (at: number) => ends[at]! <= start || (ends[at - 1] ?? 13) >= end
        const whole = payloads.map((_, at) => at).filter(isWhole)
        let skipped = 0
        const { messages, cut } = read(cutAt(damaged, places), { onResync: ({ bytes }) => (skipped += bytes) })
        const found = messages.filter(
          ({ timestamp, payload }) => whole.includes(timestamp) && payload.equals(payloads[timestamp]!)
        )
        const lengths = messages.reduce((sum, { payload }) => sum + payload.length + 15, 13)
        return (
          isDeepStrictEqual(
            found.map(({ timestamp }) => timestamp),
            whole
          ) &&
          messages.length - found.length <= 1 &&
          lengths + skipped === damaged.length &&
          cut === undefined
        )
      }
    ),
    { numRuns: 2000 }
  )
})

t.test('messages written and read are the same; any way to cut the file gives the same', async t => {
  const message = fc.record(
    {
      type: fc.constantFrom(8, 9, 18),
      messageStreamId: fc.constant(0),
      timestamp: fc.nat(0xffffffff),
      payload: buffers(200)
    },
    { noNullPrototype: true }
  )
  holds(
    t,
    'files',
    fc.property(fc.array(message, { maxLength: 10 }), fc.array(fc.nat(2500), { maxLength: 10 }), (messages, places) => {
      const writer = new FlvWriter({ tracks: { audio: true, video: true } })
      const file = Buffer.concat([...writer.begin(), ...messages.flatMap(each => writer.write(each))])
      const same = (pieces: Iterable<Buffer>) => {
        const again = read(pieces)
        return (
          again.cut === undefined &&
          again.messages.length === messages.length &&
          again.messages.every((each, i) => {
            const { type, timestamp, payload } = messages[i]!
            return each.type === type && each.timestamp === timestamp && each.payload.equals(payload)
          })
        )
      }
      return same([file]) && same(cutAt(file, places)) && same(bytewise(file))
    })
  )
})

t.test('any bytes are messages or a ProtocolError', async t => {
  holds(
    t,
    'bytes',
    fc.property(buffers(200), fc.boolean(), (bytes, begun) => {
      try {
        read([begun ? hex`${header} ${bytes}` : bytes])
        return true
      } catch (error) {
        return (error as Error).name === 'ProtocolError'
      }
    }),
    { numRuns: 1000 }
  )
})

t.test('what FFmpeg writes goes out again byte for byte', { skip: without('ffmpeg') }, async t => {
  const make = (...codecs: string[]) =>
    execFileSync('ffmpeg', [
      ...[
        '-v',
        'error',
        '-f',
        'lavfi',
        '-i',
        'testsrc2=size=160x120:rate=25',
        '-f',
        'lavfi',
        '-i',
        'sine=sample_rate=44100',
        '-t',
        '1'
      ],
      ...[...codecs, '-f', 'flv', '-flvflags', 'no_duration_filesize', 'pipe:1']
    ])
  for (const codecs of [
    ['-c:v', 'libx264', '-c:a', 'aac'],
    ['-c:v', 'libx264', '-c:a', 'libmp3lame'],
    ['-c:v', 'libx264', '-an'],
    ['-vn', '-c:a', 'aac'],
    ['-c:v', 'flv1', '-c:a', 'pcm_s16le']
  ]) {
    const file = make(...codecs)
    const copy = Readable.from(cut(file, 3), { objectMode: false }).pipe(flvDecoder()).pipe(flvEncoder())
    t.ok((await buffer(copy)).equals(file), `${codecs.join(' ')}: ${file.length} bytes`)
  }
})

t.test('the encoder writes whole tags only', async t => {
  const encoder = flvEncoder()
  const out = encoder.pipe(new PassThrough())
  const pieces: Buffer[] = []
  out.on('data', piece => pieces.push(piece))
  for (const message of [metadata(), video.header(), video.keyframe(0), audio.frame(3)]) {
    encoder.write(message)
    await new Promise(resolve => setImmediate(resolve))
    t.equal(read([Buffer.concat(pieces)]).cut, undefined, word(message))
  }
})
