import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { joinTracks, splitTracks } from 'rtmpipe'
import t from 'tap'
import { type Found, readByFfmpeg8, sendByFfmpeg8, withoutFfmpeg8 } from '../../support/ffmpeg8.ts'
import { film, folder, packets } from '../../support/films.ts'
import { LiveServer } from '../../support/live-server.ts'
import { players, publishers } from '../../support/players.ts'
import { without } from '../../support/programs.ts'

t.jobs = 2
const skip = without('ffmpeg') || withoutFfmpeg8()

/** A film in other codecs. */
function inCodecs(film: string, path: string, ...codecs: string[]): string {
  execFileSync('ffmpeg', ['-v', 'error', '-i', film, ...codecs, '-strict', '-2', path], { stdio: 'pipe' })
  return path
}

t.test('FFmpeg 8 plays in one stream what three programs publish', { skip, buffered: true }, async t => {
  const home = folder(t)
  const films = ['320x240', '160x120', '80x60'].map(size => film(join(home, `${size}.flv`), { size }))
  const hevc = ['-c:v', 'libx265', '-x265-params', 'log-level=error:keyint=25', '-c:a', 'libopus']
  const vp9 = ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '25', '-c:a', 'ac3']
  const all = [
    { path: films[0]!, video: 0, audio: 0 },
    { path: inCodecs(films[1]!, join(home, 'hevc.mp4'), ...hevc), video: 1, audio: 2 },
    { path: inCodecs(films[2]!, join(home, 'vp9.mp4'), ...vp9), video: 5, audio: 3 }
  ]
  const server = new LiveServer(t, { live: { holdMs: 100 } })
  const url = `${await server.listen()}/live`
  // what they have is read once all are published: programs may start seconds apart
  const sources = all.map(({ path: _, ...ids }) => ({
    source: server.at(`live/${ids.video}`).subscribe({ maxLagMs: 60_000 }),
    ...ids
  }))
  const played = readByFfmpeg8(t, `${url}/all?tracks=all`)
  await server.happens('play live/all')
  const published = all.map(({ path, video }) =>
    video === 0 ? publishers.ffmpeg(t, path, `${url}/0`).ends() : sendByFfmpeg8(t, path, `${url}/${video}`)
  )
  await Promise.all(all.map(({ video }) => server.happens(`publish live/${video}?`)))
  await pipeline(joinTracks(sources), server.at('live/all').input())
  await Promise.all(published)
  const sent = all.map(async ({ path, ...ids }) => {
    const flv = join(home, `${ids.video}.flv`)
    if (ids.video === 0) return (await readByFfmpeg8(t, path)).map(each => ({ ...each, track: 0 }))
    await sendByFfmpeg8(t, path, flv)
    return (await readByFfmpeg8(t, flv)).map(each => ({ ...each, track: ids[each.kind] }))
  })
  // FFmpeg 8.1 reads no colours in Multitrack
  const inOrder = (found: readonly Found[]) =>
    found.map(({ color: _, ...each }) => each).sort((a, b) => a.kind.localeCompare(b.kind) || a.track - b.track)
  t.same(inOrder(await played), inOrder((await Promise.all(sent)).flat()))
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
