import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { FlvReader, FlvWriter, type Message } from 'rtmpipe'
import t, { type Test } from 'tap'
import { writeLines } from '../../lib/app/write-lines.ts'
import { inspectCapture, inspectFile, inspectFlv } from '../../lib/inspect/inspect.ts'
import type { LedgerEntry } from '../../lib/inspect/ledger.ts'
import { jsonLine } from '../../lib/inspect/ledger-json.ts'
import { textLine } from '../../lib/inspect/ledger-text.ts'
import { type CapturedSide, captureNames, listed, readCapture } from '../support/captures.ts'
import { folder } from '../support/films.ts'
import { hex } from '../support/hex.ts'
import { captureFile, ledger, ofKind, ofSender, textLedger } from '../support/ledgers.ts'
import { audio, metadata, video } from '../support/media.ts'
import { framesOf, pcapng } from '../support/pcap-files.ts'

const HANDSHAKE = 3073

for (const name of captureNames) {
  t.test(name, async t => {
    const capture = readCapture(name)
    const entries = ledger(captureFile(name), { chunks: true })
    t.same(ofKind(entries, 'error'), [], 'no error')
    t.same(
      entries.filter(({ kind }) => kind !== 'chunk'),
      ledger(captureFile(name)),
      'chunks come on top'
    )
    for (const from of ['client', 'server'] as const) tellsSide(t, ofSender(entries, from), capture[from], from)
  })
}

/** Holds what a ledger tells of one side against what the oracle found. */
function tellsSide(t: Test, side: readonly LedgerEntry[], expected: CapturedSide, from: string): void {
  const messages = ofKind(side, 'message')
  const found = messages.map(entry => listed(entry as Message, entry.format!))
  t.same(found, expected.expected, `${from}, its messages`)
  t.match(side[0], { kind: 'handshake', version: 3, digest: expected.digests[0]?.scheme ?? 'simple' }, from)
  const [end] = ofKind(side, 'end')
  t.equal(side.at(-1), end, `${from}, nothing behind its end`)
  t.equal(end?.cut !== undefined, expected.truncatedTail > 0, `${from}, how it ends`)

  const chunks = ofKind(side, 'chunk')
  let offset = HANDSHAKE
  for (const chunk of chunks) {
    if (chunk.offset !== offset) t.equal(chunk.offset, offset, `${from}, a chunk begins where the one ahead of it ends`)
    offset += chunk.byteLength
  }
  t.equal(offset <= expected.bytes.length && offset >= expected.bytes.length - expected.truncatedTail, true)
  const begun = new Map<number, number[]>()
  const carried = chunks.flatMap(({ chunkStreamId, last, offset }) => {
    const offsets = [...(begun.get(chunkStreamId) ?? []), offset!]
    begun.set(chunkStreamId, last ? [] : offsets)
    return last ? [[offsets[0], offsets.length]] : []
  })
  const told = messages.map(message => [message.offset, message.chunks])
  t.same(told, carried, `${from}, the chunks of its messages`)
}

t.test('a publisher, in words', async t => {
  const lines = textLedger(captureFile('obs-publish'))
  t.same(lines.slice(0, 19), [
    'connection 1: 127.0.0.1:47736 -> 127.0.0.1:1935 at 2026-11-22T06:55:44.317Z, RTMP',
    '   0.000 1 -> handshake, version 3, simple',
    '   0.000 1 <- handshake, version 3, simple',
    '   0.042 1 -> csid  2 msid 0 ts       0      4 B in   1 fmt 0 SetChunkSize chunkSize 4096',
    '   0.042 1 -> csid  3 msid 0 ts       0    189 B in   1 fmt 0 CommandAmf0 #1 connect({app: "live", type: "nonprivate", supportsGoAway: true, flashVer: "FMLE/3.…',
    '   0.042 1 <- csid  2 msid 0 ts       0      4 B in   1 fmt 0 WindowAcknowledgementSize windowSize 5000000',
    '   0.086 1 <- csid  2 msid 0 ts       0      5 B in   1 fmt 0 SetPeerBandwidth windowSize 5000000 limitType dynamic',
    '   0.086 1 <- csid  2 msid 0 ts       0      4 B in   1 fmt 0 SetChunkSize chunkSize 4096',
    '   0.086 1 <- csid  3 msid 0 ts       0    190 B in   1 fmt 0 CommandAmf0 #1 _result({fmsVer: "FMS/3,0,1,123", capabilities: 31}, {level: "status", code: "NetC…',
    '   0.086 1 -> csid  3 msid 0 ts       0     35 B in   1 fmt 1 CommandAmf0 #2 releaseStream(null, "obskey")',
    '   0.130 1 -> csid  3 msid 0 ts       0     31 B in   1 fmt 1 CommandAmf0 #3 FCPublish(null, "obskey")',
    '   0.130 1 -> csid  3 msid 0 ts       0     25 B in   1 fmt 1 CommandAmf0 #4 createStream(null)',
    '   0.130 1 <- csid  3 msid 0 ts       0     29 B in   1 fmt 0 CommandAmf0 #4 _result(null, 1)',
    '   0.130 1 -> csid  4 msid 1 ts       0     36 B in   1 fmt 0 CommandAmf0 #5 publish(null, "obskey", "live")',
    '   0.130 1 <- csid  5 msid 1 ts       0    105 B in   1 fmt 0 CommandAmf0 #0 onStatus(null, {level: "status", code: "NetStream.Publish.Start", description: "St…',
    '   0.130 1 -> csid  4 msid 1 ts       0    410 B in   1 fmt 0 DataAmf0 @setDataFrame("onMetaData", EcmaArray {duration: 0, fileSize: 0, width: 320, height: 180…',
    '   0.573 1 -> csid  4 msid 1 ts       0      7 B in   1 fmt 0 Audio AAC sequence header, 44100 Hz 1 channel LC',
    '   0.573 1 -> csid  4 msid 1 ts       0     48 B in   1 fmt 0 Video AVC sequence header, 320x180 Constrained Baseline level 1.1 10 fps',
    '   0.573 1 -> csid  4 msid 1 ts       0   1615 B in   1 fmt 0 Video AVC keyframe NALU, composition time 0'
  ])
  t.same(lines.slice(-3), [
    '  15.376 1 -> csid  4 msid 1 ts   14721      6 B in   1 fmt 1 Audio AAC raw',
    '  15.417 1 -> FIN',
    '  15.417 1 <- FIN'
  ])
})

t.test('a player, in words', async t => {
  const lines = textLedger(captureFile('rtmpdump-play-live'))
  t.same(lines.slice(0, 21), [
    'connection 1: 127.0.0.1:58320 -> 127.0.0.1:1935 at 2026-11-22T06:54:23.186Z, RTMP',
    '   0.000 1 -> handshake, version 3, simple',
    '   0.000 1 <- handshake, version 3, simple',
    '   0.000 1 -> csid  3 msid 0 ts       0    197 B in   2 fmt 0 CommandAmf0 #1 connect({app: "live", flashVer: "LNX 10,0,32,18", tcUrl: "rtmp://127.0.0.1:1935/li…',
    '   0.000 1 <- csid  2 msid 0 ts       0      4 B in   1 fmt 0 WindowAcknowledgementSize windowSize 5000000',
    '   0.044 1 <- csid  2 msid 0 ts       0      5 B in   1 fmt 0 SetPeerBandwidth windowSize 5000000 limitType dynamic',
    '   0.044 1 <- csid  2 msid 0 ts       0      4 B in   1 fmt 0 SetChunkSize chunkSize 4096',
    '   0.044 1 <- csid  3 msid 0 ts       0    190 B in   1 fmt 0 CommandAmf0 #1 _result({fmsVer: "FMS/3,0,1,123", capabilities: 31}, {level: "status", code: "NetC…',
    '   0.045 1 -> csid  2 msid 0 ts       0      4 B in   1 fmt 0 WindowAcknowledgementSize windowSize 5000000',
    '   0.045 1 -> csid  2 msid 0 ts       0     10 B in   1 fmt 1 UserControl SetBufferLength messageStreamId 0 milliseconds 300',
    '   0.045 1 -> csid  3 msid 0 ts       0     25 B in   1 fmt 1 CommandAmf0 #2 createStream(null)',
    '   0.045 1 -> csid  3 msid 0 ts       0     29 B in   1 fmt 1 CommandAmf0 #3 FCSubscribe(null, "bg")',
    '   0.045 1 <- csid  3 msid 0 ts       0     29 B in   1 fmt 0 CommandAmf0 #2 _result(null, 1)',
    '   0.045 1 -> csid  8 msid 1 ts       0     40 B in   1 fmt 0 CommandAmf0 #4 play(null, "bg", -1000, 3000)',
    '   0.045 1 -> csid  2 msid 0 ts       0     10 B in   1 fmt 3 UserControl SetBufferLength messageStreamId 1 milliseconds 36000000',
    '   0.045 1 <- csid  2 msid 0 ts       0      6 B in   1 fmt 0 UserControl StreamBegin messageStreamId 1',
    '   0.088 1 <- csid  5 msid 1 ts       0     96 B in   1 fmt 0 CommandAmf0 #0 onStatus(null, {level: "status", code: "NetStream.Play.Start", description: "Start…',
    '   0.088 1 <- csid  5 msid 1 ts       0     24 B in   1 fmt 0 DataAmf0 "|RtmpSampleAccess"(true, true)',
    '   0.088 1 <- csid  5 msid 1 ts       0    293 B in   1 fmt 0 DataAmf0 onMetaData(EcmaArray {duration: 0, width: 160, height: 120, videodatarate: 58.59375, fra…',
    '   0.088 1 <- csid  6 msid 1 ts    7936      7 B in   1 fmt 0 Audio AAC sequence header, 44100 Hz 1 channel LC',
    '   0.088 1 <- csid  6 msid 1 ts    7959     97 B in   1 fmt 1 Audio AAC raw'
  ])
  t.same(lines.slice(-4), [
    '  11.996 1 -> csid  3 msid 0 ts       0     34 B in   1 fmt 1 CommandAmf0 #5 deleteStream(null, 1)',
    '  11.996 1 <- csid  2 msid 0 ts       0      6 B in   1 fmt 0 UserControl StreamEof messageStreamId 1',
    '  11.996 1 -> RST',
    '  11.996 1 <- end of capture'
  ])
})

t.test('its chunks, in words', async t => {
  const lines = textLedger(captureFile('rtmpdump-play-live'), { chunks: true })
  t.same(lines.slice(3, 6), [
    '   0.000 1 -> csid  3 msid 0 ts       0    140 B chunk  fmt 0 CommandAmf0, 128 of 197 B',
    '   0.000 1 -> csid  3 msid 0 ts       0     70 B chunk  fmt 3 CommandAmf0, 69 of 197 B, last',
    '   0.000 1 -> csid  3 msid 0 ts       0    197 B in   2 fmt 0 CommandAmf0 #1 connect({app: "live", flashVer: "LNX 10,0,32,18", tcUrl: "rtmp://127.0.0.1:1935/li…'
  ])
})

t.test('a digest, and a message that is cut', async t => {
  const lines = textLedger(captureFile('ffmpeg8-play-live-enhanced'))
  t.same(lines.slice(1, 3), [
    '   0.000 1 -> handshake, version 3, digest scheme 1',
    '   0.000 1 <- handshake, version 3, digest scheme 1'
  ])
  t.equal(lines.at(-2), '   7.745 1 -> RST, truncated, at least 34 bytes missing (chunk layer)')
})

t.test('lines: short, printable, and JSON', async t => {
  for (const name of captureNames) {
    const entries = ledger(captureFile(name), { chunks: true })
    const lines = entries.map(textLine)
    t.same(
      lines.filter(line => line.length > 160 || /[^\x20-\x7e…]/.test(line)),
      [],
      `${name}, its text`
    )
    const objects = entries.map(entry => JSON.parse(jsonLine(entry)))
    const faithful = objects.every(
      (object, i) => object.kind === entries[i]!.kind && !jsonLine(entries[i]!).includes('\n')
    )
    t.ok(faithful, `${name}, its JSON`)
    const lengths = objects.filter(({ payload }) => payload).map(({ payload: { length, hex } }) => [length, hex.length])
    t.ok(
      lengths.every(([length, digits]) => digits === 2 * Math.min(length, 64)),
      `${name}, bytes`
    )
  }
})

t.test('a command, in JSON', async t => {
  const [connect] = ofKind(ledger(captureFile('obs-publish')), 'message').filter(({ type }) => type === 20)
  const { payload, ...told } = JSON.parse(jsonLine(connect!))
  t.same(told, {
    kind: 'message',
    connection: 1,
    from: 'client',
    time: 0.041654,
    offset: 3089,
    chunks: 1,
    format: 0,
    chunkStreamId: 3,
    messageStreamId: 0,
    timestamp: 0,
    type: 20,
    name: 'CommandAmf0',
    length: 189,
    says: {
      kind: 'command',
      name: 'connect',
      transactionId: 1,
      args: [
        {
          app: 'live',
          type: 'nonprivate',
          supportsGoAway: true,
          flashVer: 'FMLE/3.0 (compatible; FMSc/1.0)',
          swfUrl: 'rtmp://127.0.0.1:1935/live',
          tcUrl: 'rtmp://127.0.0.1:1935/live'
        }
      ]
    }
  })
  t.match(payload, { $: 'bytes', length: 189, hex: /^020007636f6e6e656374003ff0/ })
})

t.test('a capture that is cut tells all that is there, and that it is cut', async t => {
  for (const name of ['vlc-play-vod', 'ffmpeg-play-vod', 'ffmpeg8-publish-av1-opus']) {
    const pcap = captureFile(name)
    for (const [form, file] of Object.entries({ pcap, pcapng: pcapng(framesOf(pcap)) })) {
      const whole = ledger(file).map(jsonLine)
      for (let length = 0; length < file.length; length += 2991) {
        const { entries, error } = asFarAsItGoes(file.subarray(0, length))
        const told = entries.filter(({ kind }) => kind !== 'end' && kind !== 'note').map(jsonLine)
        if (told.some((line, i) => line !== whole[i])) t.fail(`${name}, ${form}, ${length} bytes, is told otherwise`)
        if (error !== undefined && !isPlain(error)) t.fail(`${name}, ${form}, ${length} bytes: ${error}`)
      }
      t.match(asFarAsItGoes(file.subarray(0, 30_000)).error, {
        message: /^capture ends inside (packet|block) \d+$/
      })
    }
  }
})

/** One sentence of an Error that no code of ours stumbled over. */
const isPlain = (error: unknown) => (error as Error).constructor === Error && !(error as Error).message.includes('\n')

function asFarAsItGoes(file: Buffer): { entries: LedgerEntry[]; error?: unknown } {
  const entries: LedgerEntry[] = []
  try {
    for (const entry of inspectCapture(file)) entries.push(entry)
  } catch (error) {
    return { entries, error }
  }
  return { entries }
}

t.test('a capture that lies is told somehow, or refused in a sentence', async t => {
  const frames = framesOf(captureFile('ffmpeg-play-vod')).slice(0, 30)
  let state = 1
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * below)
  }
  const file = pcapng(frames)
  for (let i = 0; i < 500; i++) {
    const lying = Buffer.from(file)
    for (let bytes = random(4); bytes >= 0; bytes--) lying[random(lying.length)] = random(256)
    const { entries, error } = asFarAsItGoes(lying)
    for (const entry of entries) {
      JSON.parse(jsonLine(entry))
      if (textLine(entry).length > 160) t.fail('a line too long')
    }
    if (error !== undefined && !isPlain(error)) t.fail(`${i}: ${(error as Error).stack}`)
  }
})

const film = [metadata(), video.header(), audio.header(), video.keyframe(0, 300), audio.frame(23), video.frame(40)]
const flvOf = (messages: readonly Message[]) => {
  const writer = new FlvWriter()
  return Buffer.concat(messages.flatMap(message => writer.write(message)))
}

t.test('the headers of FFmpeg 8, each with what it says', async t => {
  const told = (name: string) =>
    [...inspectCapture(readFileSync(`test/captures/${name}.pcap`))]
      .map(textLine)
      .filter(line => line.includes('equence header') || line.includes('SequenceStart'))
      .map(line => line.replace(/^.*(Audio|Video) /, ''))
  t.same(told('ffmpeg8-publish-hevc-aac'), [
    'hvc1 SequenceStart, 160x120 Main level 1 10 fps',
    'AAC sequence header, 48000 Hz 1 channel LC'
  ])
  t.same(told('ffmpeg8-publish-av1-opus'), [
    'av01 SequenceStart, 160x120 Main level 2.0',
    'Opus SequenceStart, 48000 Hz 1 channel'
  ])
  t.same(told('ffmpeg8-publish-two-tracks'), [
    'AVC sequence header, 160x120 High 4:4:4 Predictive level 1 10 fps',
    'avc1 SequenceStart track 1, 80x60 High 4:4:4 Predictive level 1 10 fps',
    'AAC sequence header, 44100 Hz 1 channel LC'
  ])
})

t.test('an FLV file, in words', async t => {
  t.same([...inspectFlv(flvOf(film))].map(textLine), [
    '         0 FLV, audio yes, video yes',
    '        13 ts       0     17 B DataAmf0 onMetaData({})',
    '        45 ts       0      6 B Video AVC sequence header',
    '        66 ts       0      4 B Audio AAC sequence header, 44100 Hz 2 channels LC',
    '        85 ts       0    300 B Video AVC keyframe NALU, composition time 6381921',
    '       400 ts      23     20 B Audio AAC raw',
    '       435 ts      40    100 B Video AVC inter frame NALU, composition time 6381921',
    '       550 end of file'
  ])
})

t.test('an FLV file, tag for tag', async t => {
  const file = readFileSync('assets/demo.flv')
  const entries = [...inspectFlv(file)]
  const tags = ofKind(entries, 'tag')
  const messages = [...new FlvReader().messages(file)]
  const of = ({ type, timestamp, payload }: Pick<Message, 'type' | 'timestamp' | 'payload'>) => [
    type,
    timestamp,
    payload
  ]
  t.same(tags.map(of), messages.map(of))
  t.ok(
    tags.every(({ offset, type, length }) => file[offset!] === type && file.readUIntBE(offset! + 1, 3) === length),
    'each at its offset'
  )
  t.same(Object.keys(JSON.parse(jsonLine(tags[0]!))), [
    'offset',
    'kind',
    'timestamp',
    'type',
    'name',
    'length',
    'says',
    'payload'
  ])
  t.same(
    entries.map(({ kind }) => kind).filter(kind => kind !== 'tag'),
    ['flv', 'end']
  )
})

t.test('an FLV file with a tag size that lies, with another header, cut, broken, and none', async t => {
  const file = flvOf(film)
  const lying = Buffer.from(file)
  lying.writeUInt32BE(7, 41)
  const lines = [...inspectFlv(lying)].map(textLine)
  t.equal(lines[2], '        41 PreviousTagSize is 7, expected 28')
  t.equal(lines.length, 9)
  lying.writeUInt32BE(8, file.length - 4)
  t.match(textLine([...inspectFlv(lying)].at(-2)!), /^ {7}546 PreviousTagSize is 8/, 'the last one too')

  const long = Buffer.concat([hex`464c56 01 05 0000000c 000000`, file.subarray(9)])
  t.equal(textLine([...inspectFlv(long)][1]!), '        16 ts       0     17 B DataAmf0 onMetaData({})')

  t.equal(
    textLine([...inspectFlv(file.subarray(0, -10))].at(-1)!),
    '       540 end of file, truncated, at least 6 bytes missing (flv layer)'
  )
  t.equal(
    textLine([...inspectFlv(file.subarray(0, 5))].at(-1)!),
    '         5 end of file, truncated, at least 4 bytes missing (flv layer)'
  )
  const broken = Buffer.from(file)
  broken[45] = 7
  t.match([...inspectFlv(broken)].map(textLine).slice(2, 4), [
    '        45 21 damaged bytes skipped',
    /^ {8}66 ts {7}0 {6}4 B Audio/
  ])
  t.match([...inspectFlv(broken.subarray(0, 66))].map(textLine).slice(2), [
    /^ {8}45 ERR_RTMP_FLV_TAG: .*type 7, flv layer, byte 45; decoding stops$/
  ])
  t.match([...inspectFlv(Buffer.from('no FLV'))].map(textLine), [/^ {9}0 ERR_RTMP_FLV_HEADER/])
  for (let length = 0; length < file.length; length++)
    for (const entry of inspectFlv(file.subarray(0, length))) jsonLine(entry)
})

t.test('a file is known by its first bytes', async t => {
  const home = folder(t)
  const written = (name: string, bytes: Buffer) => {
    writeFileSync(join(home, name), bytes)
    return join(home, name)
  }
  const lines = async (path: string) => [...(await inspectFile(path))].map(textLine)
  const pcap = captureFile('vlc-play-vod')
  t.same(await lines(written('a', pcap)), textLedger(pcap))
  t.same(await lines(written('b.flv', pcapng(framesOf(pcap)))), textLedger(pcap))
  t.equal((await lines(written('c.pcap', flvOf(film))))[0], '         0 FLV, audio yes, video yes')
  const chunks = [...(await inspectFile(join(home, 'a'), { chunks: true }))]
  t.equal(chunks.length, ledger(pcap, { chunks: true }).length)
  for (const [name, bytes] of Object.entries({
    text: Buffer.from('hello, world'),
    empty: Buffer.alloc(0),
    FL: Buffer.from('FL')
  })) {
    const path = written(name, bytes)
    await t.rejects(inspectFile(path), { message: `${path} is neither pcap, pcapng nor FLV` })
  }
  await t.rejects(inspectFile(home), { message: `${home} is not a regular file` })
  await t.rejects(inspectFile(join(home, 'none')), { code: 'ENOENT' })
  const huge = written('huge', pcap)
  truncateSync(huge, 2 ** 30 + 1)
  await t.rejects(inspectFile(huge), { message: `${huge} is larger than the maximum of 1 GiB` })
})

t.test('lines are made as they are taken, and all are out at the end', async t => {
  let made = 0
  function* lines() {
    while (made < 100) yield `${++made}`
    throw new Error('the capture is cut')
  }
  let taken = ''
  const ahead: number[] = []
  const slow = () =>
    new Writable({
      highWaterMark: 8,
      write(bytes, _, done) {
        taken += bytes
        ahead.push(made - taken.split('\n').length)
        setImmediate(done)
      }
    })
  await t.rejects(writeLines(lines(), slow()), { message: 'the capture is cut' })
  t.equal(taken, Array.from({ length: 100 }, (_, i) => `${i + 1}\n`).join(''))
  t.ok(Math.max(...ahead) < 8, 'no more than a buffer full is made ahead')

  made = 0
  const gone = slow()
  gone._write = (_bytes, _encoding, done) => setImmediate(done, new Error('nobody reads'))
  await t.rejects(writeLines(lines(), gone), { message: 'nobody reads' })
  t.ok(made < 8, 'and none for nobody')
})
