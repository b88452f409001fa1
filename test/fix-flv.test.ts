import { linkSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { FlvRecording, FlvWriter, fixFlv, isKeyframe, type Message } from 'rtmpipe'
import t from 'tap'
import { folder, says, tags } from './support/films.ts'
import { audio, metadata, stream, video, word } from './support/media.ts'
import { holdsLater } from './support/property.ts'

const messages = [metadata(0, { width: 160, videocodecid: 7, audiocodecid: 10 }), ...stream(4)]

/** What is on the disk of a recording when its writer is killed. */
function open(maxKeyframes = 8): Buffer {
  const recording = new FlvRecording({ maxKeyframes })
  return Buffer.concat(messages.flatMap(message => recording.write(message)))
}

/** A file as others write it, without room. */
const foreign = (...all: readonly Message[]): Buffer => {
  const writer = new FlvWriter()
  return Buffer.concat(all.flatMap(message => writer.write(message)))
}

/** Whether a file says the truth of itself. */
function isTrue(file: Buffer): boolean {
  const found = tags(file)
  const { duration, filesize, keyframes, hasAudio, hasVideo } = says(file)
  const { times = [], filepositions = [] } = (keyframes ?? {}) as Record<string, number[]>
  const frames = found.map(({ message }) => message).filter(({ type }) => type !== 18)
  return (
    filesize === file.length &&
    duration === Math.max(0, ...frames.map(({ timestamp }) => timestamp)) / 1000 &&
    hasAudio === frames.some(({ type }) => type === 8) &&
    hasVideo === frames.some(({ type }) => type === 9) &&
    times.every((time, at) => {
      const tag = found.find(({ position }) => position === filepositions[at])
      return tag !== undefined && isKeyframe(tag.message) && tag.message.timestamp === time * 1000
    })
  )
}

t.test('a recording whose writer was killed is whole again, wherever it was cut', async t => {
  const path = join(folder(t), 'film.flv')
  const whole = open()
  const [, ...rest] = tags(whole)
  await holdsLater(
    t,
    'cuts',
    fc.asyncProperty(fc.integer({ min: 13, max: whole.length }), async length => {
      writeFileSync(path, whole.subarray(0, length))
      const { cut } = await fixFlv(path)
      const fixed = readFileSync(path)
      const kept = rest.filter(({ message, position }) => position + 11 + message.payload.length <= length)
      const found = tags(fixed).slice(1)
      const again = await fixFlv(path)
      return (
        isTrue(fixed) &&
        found.length === kept.length &&
        found.every(({ message }, at) => message.payload.equals(kept[at]!.message.payload)) &&
        (kept.length === 0 || cut === Math.max(0, length - fixed.length)) &&
        again.cut === 0 &&
        readFileSync(path).equals(fixed)
      )
    }),
    { numRuns: 150 }
  )
})

t.test('a recording is repaired in its place, and says what became of it', async t => {
  const path = join(folder(t), 'film.flv')
  writeFileSync(path, open().subarray(0, -5))
  const { ino, size } = statSync(path)
  t.same(await fixFlv(path), { durationMs: 3500, keyframes: 4, cut: 30, skipped: 0 })
  t.same([statSync(path).ino, statSync(path).size], [ino, size - 30])
  t.same(says(readFileSync(path)), {
    duration: 3.5,
    filesize: size - 30,
    hasAudio: true,
    hasVideo: true,
    hasKeyframes: true,
    keyframes: {
      times: [0, 1, 2, 3],
      filepositions: tags(readFileSync(path))
        .filter(({ message }) => isKeyframe(message))
        .map(({ position }) => position)
    },
    width: 160,
    videocodecid: 7,
    audiocodecid: 10
  })
  writeFileSync(path, open(2))
  await fixFlv(path)
  t.same((says(readFileSync(path)).keyframes as { times: unknown }).times, [0, 1, 2, 3], 'by all the room there is')
})

t.test('any other file is written anew: from 0 on, mended, with metadata of its own', async t => {
  const home = folder(t)
  const path = join(home, 'film.flv')
  const late = [metadata(0, { width: 1, duration: 99, filesize: 1 }), ...stream(3)].map(message => ({
    ...message,
    timestamp: message.timestamp + (message.timestamp > 1400 ? 28_800_000 : 18_000_000)
  }))
  writeFileSync(path, foreign(...late), { mode: 0o640 })
  t.same(await fixFlv(path), { durationMs: 2520, keyframes: 3, cut: 0, skipped: 0 })
  const fixed = readFileSync(path)
  t.ok(isTrue(fixed))
  t.equal(says(fixed).width, 1)
  t.match(
    tags(fixed).map(({ message }) => word(message)),
    ['meta@0', 'v header@0', 'a header@0', 'v key@0', 'a@20', 'v@500', 'a@520', 'v key@1000', 'a@1020']
  )
  t.equal(statSync(path).mode & 0o777, 0o640)
  t.same(readdirSync(home), ['film.flv'], 'and nothing is left beside it')
})

t.test('a file may be written elsewhere, and is left as it is', async t => {
  const home = folder(t)
  const [from, to] = [join(home, 'film.flv'), join(home, 'fixed.flv')]
  const torn = open().subarray(0, -5)
  writeFileSync(from, torn)
  t.same(await fixFlv(from, { to }), { durationMs: 3500, keyframes: 4, cut: 30, skipped: 0 })
  t.ok(readFileSync(from).equals(torn))
  t.ok(isTrue(readFileSync(to)))
  linkSync(from, join(home, 'same.flv'))
  t.equal((await fixFlv(from, { to: join(home, 'same.flv') })).cut, 30, 'unless it is the same file')
  t.ok(isTrue(readFileSync(from)))
})

t.test('zeros at the end, as a power failure leaves them, are cut off', async t => {
  const path = join(folder(t), 'film.flv')
  const whole = open()
  writeFileSync(path, Buffer.concat([whole, Buffer.alloc(5000)]))
  t.equal((await fixFlv(path)).cut, 5000)
  t.equal(statSync(path).size, whole.length)
  writeFileSync(path, Buffer.concat([whole.subarray(0, -10), Buffer.alloc(5000)]))
  t.equal((await fixFlv(path)).cut, 5025, 'with the tag that they run into')
  t.ok(isTrue(readFileSync(path)))
})

t.test('damaged bytes are no torn tag: the file is left as it is, and all else is written elsewhere', async t => {
  const home = folder(t)
  const [path, to] = [join(home, 'film.flv'), join(home, 'fixed.flv')]
  const words = Buffer.from('this is no tag at all')
  const frames = (file: Buffer) => tags(file).filter(({ message }) => message.type !== 18).length
  for (const bytes of [open(), foreign(...messages)]) {
    const rest = bytes.subarray(13)
    const lost = Buffer.concat([bytes.subarray(0, -50), rest])
    const cases: [string, Buffer, { cut: number; skipped: number; frames: number }][] = [
      ['between tags', Buffer.concat([bytes, words, rest]), { cut: 0, skipped: 21, frames: 36 }],
      ['in place of the end of a tag', lost, { cut: 0, skipped: 100, frames: 34 }],
      ['at the end', Buffer.concat([bytes, words]), { cut: 21, skipped: 0, frames: 18 }],
      ['in both places', Buffer.concat([lost, words]), { cut: 21, skipped: 100, frames: 34 }]
    ]
    for (const [where, torn, expected] of cases) {
      writeFileSync(path, torn)
      await t.rejects(fixFlv(path), { code: 'ERR_RTMP_FLV_TAG', layer: 'flv' }, where)
      t.ok(readFileSync(path).equals(torn))
      const { cut, skipped } = await fixFlv(path, { to })
      const fixed = readFileSync(to)
      t.same({ cut, skipped, frames: frames(fixed) }, expected, where)
      t.ok(isTrue(fixed))
    }
  }
  t.same(readdirSync(home).sort(), ['film.flv', 'fixed.flv'])
})

t.test('what is no FLV file', async t => {
  const home = folder(t)
  const path = join(home, 'film.flv')
  for (const bytes of ['', 'F', 'RIFF....AVI LIST']) {
    writeFileSync(path, bytes)
    await t.rejects(fixFlv(path), { code: 'ERR_RTMP_FLV_HEADER' }, bytes)
    t.equal(readFileSync(path).toString(), bytes)
  }
  await t.rejects(fixFlv(join(home, 'none')), { code: 'ENOENT' })
  await t.rejects(fixFlv(home), { code: 'EISDIR' })
  writeFileSync(path, foreign(audio.frame(5), video.keyframe(7)))
  await t.rejects(fixFlv(path, { to: join(home, 'none', 'x.flv') }), { code: 'ENOENT' })
})
