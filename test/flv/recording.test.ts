import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { dataMessage, FlvRecording, type FlvRecordingOptions, flvFile, isKeyframe, type Message } from 'rtmpipe'
import t from 'tap'
import { FlvSummary } from '../../lib/flv/flv-summary.ts'
import { folder, says, tags } from '../support/films.ts'
import { hex } from '../support/hex.ts'
import { audio, metadata, stream, track, video, word } from '../support/media.ts'
import { holds } from '../support/property.ts'

/** A file as it is while it is written, and once it has ended. */
function recorded(messages: readonly Message[], options?: FlvRecordingOptions): { open: Buffer; whole: Buffer } {
  const recording = new FlvRecording(options)
  const open = Buffer.concat(messages.flatMap(message => recording.write(message)))
  const whole = Buffer.alloc(recording.mark.byteLength || 1e5)
  open.copy(whole)
  let end = recording.mark.byteLength
  for (const { position, bytes } of recording.end()) {
    bytes.copy(whole, position)
    end = Math.max(end, position + bytes.length)
  }
  return { open, whole: whole.subarray(0, end) }
}

t.test('a finished file tells its duration, its size, its tracks and where its keyframes are', async t => {
  const { open, whole } = recorded([metadata(5000, { width: 160, videocodecid: 7, duration: 10 }), ...stream(3)])
  t.same(says(open), { width: 160, videocodecid: 7 }, 'while it is written it tells none of them')
  const { keyframes, ...properties } = says(whole)
  t.same(properties, {
    duration: 2.52,
    filesize: whole.length,
    hasAudio: true,
    hasVideo: true,
    hasKeyframes: true,
    width: 160,
    videocodecid: 7
  })
  const found = tags(whole).filter(({ message }) => isKeyframe(message))
  t.same(keyframes, { times: [0, 1, 2], filepositions: found.map(({ position }) => position) })
  t.equal(open.length, whole.length, 'all of it in its place')
  t.same(tags(whole).slice(1), tags(open).slice(1), 'and nothing else has changed')
})

t.test('the header says which tracks the file holds', async t => {
  const flags = (...messages: Message[]) => {
    const { open, whole } = recorded(messages)
    return [open[4], whole[4]]
  }
  t.same(flags(video.keyframe(0)), [5, 1], 'both, until it has ended')
  t.same(flags(metadata(0, { audiocodecid: 10 }), audio.frame(0)), [4, 4], 'or what the metadata names')
  t.same(flags(metadata(0, { audiocodecid: 10 }), video.keyframe(0)), [4, 1])
  t.same(flags(audio.frame(0), video.keyframe(0)), [5, 5])
  t.equal(recorded([]).whole[4], 0)
})

t.test('metadata of a publisher describes the media, and nothing of it becomes a tag of its own', async t => {
  const words = (messages: Message[]) => tags(recorded(messages).whole).map(({ message }) => word(message))
  const server = [dataMessage(['|RtmpSampleAccess', true, true]), dataMessage(['onStatus', { code: 'x' }])]
  t.same(words([...server, metadata(0, {}), video.keyframe(0), metadata(40, {}), audio.frame(40)]), [
    'meta@0',
    'v key@0',
    'a@40'
  ])
  const text = dataMessage(['onTextData', { text: 'x' }], { timestamp: 40 })
  t.same(words([video.keyframe(0), text]), ['meta@0', 'v key@0', 'caption@40'], 'other data does')
  const told = (...messages: Message[]) => {
    const { duration, filesize, hasAudio, hasVideo, hasKeyframes, ...rest } = says(recorded(messages).whole)
    return rest
  }
  const frame = video.keyframe(0)
  t.same(told(metadata(0, { a: 1, b: 1 }), metadata(0, { b: 2 }), frame), { b: 2 }, 'the last ahead of the first tag')
  t.same(told(metadata(0, { a: 1 }), frame, metadata(40, { a: 2, b: 2 })), { a: 1, b: 2 }, 'and what is new later')
  t.same(told(frame, metadata(40, { a: 2 })), { a: 2 }, 'or all of it')
  t.same(told(frame, metadata(40, { a: 'x'.repeat(50_000) })), {}, 'where there is room')
  t.same(told(text, metadata(40, { a: 'x'.repeat(50_000) }), frame), {}, 'behind data too')
  t.same(told(dataMessage(['@setDataFrame', 'onMetaData', { a: 1 }], { encoding: 3 }), frame), { a: 1 }, 'of type 15')
  t.same(told(metadata(0, { a: 1, hasVideo: false, spacer: {} }), frame), { a: 1 })
  t.same(told({ ...metadata(), payload: hex`02 000a 6f6e4d65746144617461 03 ff` }, frame), {}, 'of no form at all')
})

t.test('an index that is full keeps every second keyframe', async t => {
  const times = (seconds: number, maxKeyframes: number) =>
    (says(recorded(stream(seconds), { maxKeyframes }).whole).keyframes as { times: number[] })?.times
  t.same(times(4, 4), [0, 1, 2, 3])
  t.same(times(5, 4), [0, 2, 4])
  t.same(times(8, 4), [0, 2, 4, 6])
  t.same(times(9, 4), [0, 4, 8])
  t.same(times(40, 4), [0, 16, 32])
  t.same(times(10, 5), [0, 2, 4, 6, 8])
  t.same(times(11, 5), [0, 4, 8])
  t.same(times(1, 4), undefined, 'FFmpeg refuses an index of one')
  for (const maxKeyframes of [1, 2.5, Number.NaN, 40_001]) {
    t.throws(() => new FlvRecording({ maxKeyframes }), RangeError, `${maxKeyframes}`)
    t.throws(() => flvFile('/nowhere/x.flv', { maxKeyframes }), RangeError, `${maxKeyframes}`)
  }
})

t.test('the largest index is read again', async t => {
  const keyframes = Array.from({ length: 40_000 }, (_, at) => video.keyframe(at, 2))
  for (const messages of [keyframes, keyframes.slice(0, 10)])
    t.match(says(recorded(messages, { maxKeyframes: 40_000 }).whole).keyframes, {
      times: { length: messages.length },
      filepositions: { length: messages.length }
    })
})

t.test('of several tracks of video the keyframes of the first are in it, whatever comes before them', async t => {
  const other = track(1)
  const messages = [0, 1000, 2000].flatMap(at => [other.keyframe(at), video.keyframe(at + 5), other.keyframe(at + 500)])
  const { whole } = recorded([metadata(0), video.header(), other.header(0), ...messages])
  // the first of all is where the file begins
  t.same((says(whole).keyframes as { times: number[] }).times, [0, 0.005, 1.005, 2.005])
})

t.test('of several tracks of video one keyframe at a time is in it', async t => {
  const both = [track(0), track(1)]
  const messages = [0, 1000].flatMap(at => both.map(each => each.keyframe(at)))
  const { keyframes } = says(recorded(messages).whole)
  t.same((keyframes as { times: number[] }).times, [0, 1])
})

t.test('a file beyond 4 GiB, and timestamps beyond 24 bits', async t => {
  const summary = new FlvSummary(10)
  for (const [at, position] of [
    [0, 200],
    [2 ** 24 + 40, 2 ** 32 + 7],
    [2 ** 31 + 80, 2 ** 40]
  ] as const)
    summary.note(video.keyframe(at), position)
  const [header, tag] = summary.patches(summary.room(10), 2 ** 41)!
  const { keyframes, duration, filesize } = says(Buffer.concat([header!.bytes, tag!.bytes]))
  t.same(keyframes, { times: [0, 16777.256, 2147483.728], filepositions: [200, 2 ** 32 + 7, 2 ** 40] })
  t.same([duration, filesize], [2147483.728, 2 ** 41])
  const late = tags(recorded([video.keyframe(2 ** 24 + 40)]).whole)
  t.equal(late[1]?.message.timestamp, 2 ** 24 + 40)
})

const moment = (at: number) =>
  fc.constantFrom(video.keyframe, video.frame, audio.frame).map(make => make(at) satisfies Message)
const anyStream = fc
  .tuple(
    fc.array(fc.nat(100_000), { maxLength: 40 }).chain(times => fc.tuple(...times.sort((a, b) => a - b).map(moment))),
    fc.string({ maxLength: 2100 }),
    fc.integer({ min: 2, max: 12 })
  )
  .map(([moments, encoder, maxKeyframes]) => ({
    messages: [metadata(0, { encoder }), ...moments],
    encoder,
    maxKeyframes
  }))

t.test('whatever is recorded is read again, and each place of the index is the keyframe it names', async t => {
  holds(
    t,
    'recordings',
    fc.property(anyStream, ({ messages, encoder, maxKeyframes }) => {
      const { open, whole } = recorded(messages, { maxKeyframes })
      if (open.length > 0 && open.length !== whole.length) return false
      const found = tags(whole)
      const properties = says(whole)
      const wanted = messages.slice(1)
      const { times = [], filepositions = [] } = (properties.keyframes ?? {}) as Record<string, number[]>
      return (
        properties.encoder === encoder &&
        properties.filesize === whole.length &&
        properties.duration === Math.max(0, ...wanted.map(({ timestamp }) => timestamp)) / 1000 &&
        found.length === messages.length &&
        found.slice(1).every(({ message }, at) => message.payload.equals(wanted[at]!.payload)) &&
        times.length === filepositions.length &&
        times.length <= maxKeyframes &&
        times.every((time, at) => {
          const tag = found.find(({ position }) => position === filepositions[at])
          return tag !== undefined && isKeyframe(tag.message) && tag.message.timestamp / 1000 === time
        })
      )
    })
  )
})

t.test('a file is written tag by tag, and whole once it has ended', async t => {
  const path = join(folder(t), 'film.flv')
  const file = flvFile(path)
  const messages = [metadata(0, { width: 160 }), ...stream(3)]
  for (const message of messages) {
    await new Promise(resolve => file.write(message, resolve))
    t.equal(statSync(path).size, file.byteLength)
    if (file.byteLength > 0) tags(readFileSync(path))
  }
  file.end()
  await new Promise(resolve => file.once('close', resolve))
  t.same(readFileSync(path), recorded(messages).whole)
  t.same([file.byteLength, file.durationMs, file.hasFrames], [statSync(path).size, 2520, true])
})

t.test('a file without messages, and one that is there already', async t => {
  const path = join(folder(t), 'film.flv')
  await pipeline(Readable.from([]), flvFile(path))
  t.same(says(readFileSync(path)), {
    duration: 0,
    filesize: statSync(path).size,
    hasAudio: false,
    hasVideo: false,
    hasKeyframes: false
  })
  await t.rejects(pipeline(Readable.from(stream(1)), flvFile(path, { flags: 'wx' })), { code: 'EEXIST' })
  await pipeline(Readable.from(stream(1)), flvFile(path))
  t.equal(tags(readFileSync(path)).length, 7, 'unless told it is replaced')
})

t.test('a file that is destroyed in the middle is whole too', async t => {
  const path = join(folder(t), 'film.flv')
  const file = flvFile(path)
  const messages = stream(3)
  for (const message of messages.slice(0, -1)) await new Promise(resolve => file.write(message, resolve))
  file.write(messages.at(-1)!)
  file.destroy()
  await new Promise(resolve => file.once('close', resolve))
  const { duration, filesize } = says(readFileSync(path))
  t.equal(filesize, statSync(path).size)
  t.ok([2.5, 2.52].includes(duration as number), String(duration))
})

t.test('errors of the file system are told with their code', async t => {
  const home = folder(t)
  writeFileSync(join(home, 'file'), '')
  const fails = (path: string) => pipeline(Readable.from(stream(1)), flvFile(path))
  await t.rejects(fails(join(home, 'none', 'film.flv')), { code: 'ENOENT' })
  await t.rejects(fails(join(home, 'file', 'film.flv')), { code: 'ENOTDIR' })
  await t.rejects(fails(home), { code: 'EISDIR' })
  await t.rejects(fails('/dev/full'), { code: 'ENOSPC' })
  const bad = { ...video.keyframe(0), payload: Buffer.alloc(2 ** 24) }
  await t.rejects(pipeline(Readable.from([bad]), flvFile(join(home, 'film.flv'))), RangeError)
})
