import { spawnSync } from 'node:child_process'
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { FlvRecording, fixFlv, flvDecoder, flvFile, isKeyframe, timestampRepair } from 'rtmpipe'
import t from 'tap'
import { film, folder, packets, says, tags } from '../support/films.ts'
import { publishers } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'

/** Recordings in the hands of real programs. */
const buffered = true
type Scope = { teardown(end: () => unknown): unknown }

/** What a program says on its error output, and what it writes. */
function run(program: string, ...args: string[]): { said: string; out: string; code: number | null } {
  const { stderr, stdout, status } = spawnSync(program, args, { timeout: 60_000 })
  return { said: stderr.toString(), out: stdout.toString().trim(), code: status }
}

/** A minute of film, as it is recorded, and as it is left where its writer was killed in a tag. */
async function recordings(home: string): Promise<{ source: string; whole: string; torn: string }> {
  const source = film(join(home, 'film.flv'), { seconds: 60, size: '160x120' })
  const [whole, torn] = [join(home, 'whole.flv'), join(home, 'torn.flv')]
  await pipeline(createReadStream(source), flvDecoder(), timestampRepair({ rebase: true }), flvFile(whole))
  const recording = new FlvRecording()
  const bytes = tags(readFileSync(source)).flatMap(({ message }) => recording.write(message))
  writeFileSync(torn, Buffer.concat(bytes).subarray(0, -20))
  return { source, whole, torn }
}

/** Whether a program finds 40 s by the index: what lies on the way there by reading is not readable any more. */
function withHole(file: string, home: string): string {
  const bytes = readFileSync(file)
  const [from, to] = [10, 39].map(
    second => tags(bytes).find(({ message }) => isKeyframe(message) && message.timestamp >= second * 1000)!.position
  )
  const path = join(home, 'hole.flv')
  writeFileSync(path, bytes.fill(0xff, from, to))
  return path
}

const skip = without('ffmpeg', 'ffprobe')

t.test('programs seek in a recording at once, and in one that was repaired', { skip, buffered }, async t => {
  const home = folder(t)
  const { source, whole, torn } = await recordings(home)
  await fixFlv(torn)
  for (const [name, file] of Object.entries({ whole, torn })) {
    const { duration } = says(readFileSync(file))
    t.ok((duration as number) > 59.9 && (duration as number) < 60.2, `${name} lasts ${Number(duration)} s`)
    const streams = run('ffprobe', '-v', 'warning', '-show_entries', 'stream=codec_type', '-of', 'csv=p=0', file)
    t.same(streams.out.split('\n'), ['video', 'audio'], 'no other stream than these')
    t.equal(streams.said, '')
    const { out: shown } = run('ffprobe', '-v', 'error', '-show_entries', 'format_tags', '-of', 'csv=p=0:nk=0', file)
    t.match(shown, /^tag:hasAudio=true,tag:hasVideo=true,tag:hasKeyframes=true,tag:encoder=[^,]+$/, 'nor of its room')
    const decoded = run('ffmpeg', '-v', 'warning', '-i', file, '-f', 'null', '-')
    t.equal(decoded.said, '', 'and nothing to warn of')
    t.equal(run('ffmpeg', '-v', 'error', '-i', file, '-map', '0', '-c', 'copy', join(home, `${name}.mp4`)).said, '')
    const at40 = ['-select_streams', 'v', '-read_intervals', '40%+#1', '-show_entries', 'packet=pts_time,flags']
    const { out } = run('ffprobe', '-v', 'error', ...at40, '-of', 'csv=p=0', withHole(file, home))
    t.match(out, /^(39|40)\.\d+,K/, `ffprobe lands at ${out}`)
  }
  t.same(packets(whole), packets(source))
})

t.test('mpv seeks in a recording', { skip: skip || without('mpv'), buffered }, async t => {
  const home = folder(t)
  const { whole, torn } = await recordings(home)
  await fixFlv(torn)
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is mpv's
  const status = '--term-status-msg=at ${=time-pos}'
  for (const file of [whole, torn]) {
    const quiet = ['--no-config', '--vo=null', '--ao=null', '--untimed', '--start=40', '--length=1', status]
    const { out, said, code } = run('mpv', ...quiet, withHole(file, home))
    t.equal(code, 0)
    const places = [...`${out}${said}`.matchAll(/at (\d+\.\d+)/g)].map(([, at]) => Number(at))
    t.ok(places.length > 0 && places.every(at => at >= 39.9 && at <= 41.1), `mpv plays at ${places}`)
  }
})

t.test('GStreamer reads a recording', { skip: skip || without('gst-launch-1.0'), buffered }, async t => {
  const { whole } = await recordings(folder(t))
  const sink = ['!', 'queue', '!', 'fakesink']
  const demux = ['filesrc', `location=${whole}`, '!', 'flvdemux', 'name=d', 'd.video', ...sink, 'd.audio', ...sink]
  const { code, said } = run('gst-launch-1.0', '-q', ...demux)
  t.equal(code, 0, said)
})

const cli = fileURLToPath(new URL('../../lib/app/cli.js', import.meta.url))

const mount = (path: string, ...options: string[]) =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', path]).status === 0

/** False, so that a test runs, if it may make a disk of its own. */
function withoutDisk(): false | string {
  const path = mkdtempSync(join(tmpdir(), 'rtmpipe-'))
  const isMounted = mount(path, 'size=64k')
  if (isMounted) spawnSync('umount', [path])
  rmSync(path, { recursive: true })
  return isMounted ? false : 'no disk can be mounted here'
}

/** A disk of so many bytes. */
function disk(t: Scope, home: string, ...options: string[]): string {
  const path = join(home, 'disk')
  mkdirSync(path)
  mount(path, ...options)
  t.teardown(() => spawnSync('umount', ['-l', path]))
  return path
}

const noDisk = withoutDisk()

t.test(
  'a disk that is full: it is told, and recorded again once there is room',
  { skip: skip || noDisk, buffered },
  async t => {
    const home = folder(t)
    const full = disk(t, home, 'size=256k')
    const source = film(join(home, 'film.flv'), { seconds: 30, size: '160x120' })
    const server = new Program(t, process.execPath, [cli, 'serve', '--port', '0', '--record', full])
    const [, url] = await server.says(/listening (rtmp:\/\/\S+)/)
    const publisher = publishers.ffmpeg(t, source, `${url}/live/film`)
    await server.says(/record failed live\/film disk is full \(ENOSPC.*\); retrying/)
    const recorded = () => readdirSync(join(full, 'live')).map(name => join(full, 'live', name))
    const [first, ...others] = recorded()
    t.same(others, [], 'what comes to nothing leaves nothing')
    t.equal(says(readFileSync(first!)).filesize, statSync(first!).size)
    const kept = packets(first!)
    t.same(kept, packets(source).slice(0, kept.length), 'what has found room is whole')
    rmSync(first!)
    await server.says(/record live\/film to/, 2)
    publisher.kill()
    server.kill()
    await server.ends()
    for (const path of recorded()) t.equal(says(readFileSync(path)).filesize, statSync(path).size)
  }
)

t.test('a disk that is read-only ends the server before it has begun', { skip: noDisk, buffered }, async t => {
  const path = disk(t, folder(t), 'size=64k', 'ro')
  const server = new Program(t, process.execPath, [cli, 'serve', '--port', '0', '--record', join(path, 'rec')])
  t.equal((await server.ends()).code, 1)
  t.match(server.said, /^rtmpipe: cannot record to \S+: disk is read-only \(EROFS.*\)\n$/)
})
