import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { joinTracks, splitTracks } from 'rtmpipe'
import t from 'tap'
import { type Found, readByFfmpeg8, sendByFfmpeg8, withoutFfmpeg8 } from '../support/ffmpeg8.ts'
import { film, folder, packets } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { players, publishers } from '../support/players.ts'
import { without } from '../support/programs.ts'

t.jobs = 2
const skip = without('ffmpeg') || withoutFfmpeg8()

t.test('FFmpeg 8 plays in one stream what three ffmpegs publish', { skip, buffered: true }, async t => {
  const home = folder(t)
  const all = [
    { size: '320x240', video: 0, audio: 0 },
    { size: '160x120', video: 1, audio: 2 },
    { size: '80x60', video: 5 }
  ].map(each => ({ ...each, path: film(join(home, `${each.size}.flv`), { size: each.size }) }))
  const server = new LiveServer(t, { live: { holdMs: 100 } })
  const url = `${await server.listen()}/live`
  const joined = joinTracks(
    all.map(({ size, video, audio }) => ({
      source: server.at(`live/${size}`).subscribe(),
      video,
      ...(audio !== undefined && { audio })
    }))
  )
  const ended = pipeline(joined, server.at('live/all').input())
  const played = readByFfmpeg8(t, `${url}/all?tracks=all`)
  await server.happens('play live/all')
  await Promise.all(all.map(({ size, path }) => publishers.ffmpeg(t, path, `${url}/${size}`).ends()))
  const expected: Found[] = []
  for (const { path, ...ids } of all) {
    for (const found of await readByFfmpeg8(t, path)) {
      const track = ids[found.kind]
      if (track !== undefined) expected.push({ ...found, track })
    }
  }
  const inOrder = (found: readonly Found[]) =>
    [...found].sort((a, b) => a.kind.localeCompare(b.kind) || a.track - b.track)
  t.same(inOrder(await played), inOrder(expected))
  await ended
})

/** Length and hash of each packet of a stream: FFmpeg 8 may publish it at other times than it has in its file. */
const bodies = (lines: readonly string[], stream: number) =>
  lines.filter(line => line.startsWith(`${stream},`)).map(line => line.split(',').slice(4, 6).join())

for (const by of ['video', 'audio'] as const) {
  t.test(`ffmpeg plays each ${by} track of what FFmpeg 8 publishes`, { skip, buffered: true }, async t => {
    const home = folder(t)
    const films = ['320x240', '160x120'].map(size => film(join(home, `${size}.flv`), { size }))
    const both = join(home, 'both.mp4')
    const inputs = films.flatMap(path => ['-i', path])
    execFileSync('ffmpeg', ['-v', 'error', ...inputs, '-map', '0', '-map', '1', '-c', 'copy', both])
    const server = new LiveServer(t, { live: { holdMs: 100 } })
    const url = `${await server.listen()}/live`
    const all = films.map((_, id) => players.ffmpeg(t, `${url}/${id}`))
    await server.happens('play live/0')
    await server.happens('play live/1')
    const tracks = server.at('live/both').subscribe({ tracks: 'all' }).pipe(splitTracks({ by }))
    tracks.on('data', ({ trackId, stream }) => stream.pipe(server.at(`live/${trackId}`).input()))
    await sendByFfmpeg8(t, both, `${url}/both`)
    for (const [id, path] of films.entries()) {
      const [got, sent] = [await all[id]!.packets(), packets(path)]
      const [video, audio] = by === 'video' ? [sent, packets(films[0]!)] : [packets(films[0]!), sent]
      t.same(bodies(got, 0), bodies(video, 0), `picture of track ${id}`)
      t.same(bodies(got, 1), bodies(audio, 1).slice(-bodies(got, 1).length), `sound of track ${id}`)
      t.ok(bodies(got, 1).length > 50)
    }
  })
}
