import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FlvWriter, type Message } from 'rtmpipe'

/** A folder of one's own, gone with the test. */
export function folder(t: { teardown(end: () => unknown): unknown }): string {
  const path = mkdtempSync(join(tmpdir(), 'rtmpipe-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A film of `seconds`: a test picture with B frames and a keyframe a second, and a tone. */
export function film(
  path: string,
  {
    seconds = 3,
    audio = 'aac',
    size = '320x240'
  }: Partial<Record<'audio' | 'size', string>> & { seconds?: number } = {}
): string {
  const picture = ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=25`]
  const tone = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100']
  const codecs = ['-c:v', 'libx264', '-preset', 'veryfast', '-g', '25', '-bf', '2', '-c:a', audio]
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...picture, ...tone, '-t', `${seconds}`, ...codecs, '-f', 'flv', path])
  return path
}

/** Every packet of a file: its stream, times, length and hash, in order. */
export function packets(path: string): string[] {
  const out = execFileSync('ffmpeg', [
    '-v',
    'quiet',
    '-copyts',
    '-i',
    path,
    '-map',
    '0:v?',
    '-map',
    '0:a?',
    '-c',
    'copy',
    '-f',
    'framemd5',
    '-'
  ])
  return packetLines(out)
}

/** The same of messages, by way of a file in this folder. */
export function packetsOf(messages: readonly Message[], folder: string): string[] {
  const path = join(folder, 'received.flv')
  const writer = new FlvWriter()
  writeFileSync(path, Buffer.concat(messages.flatMap(message => writer.write(message))))
  return packets(path)
}

/** The same of what a program wrote with -f framemd5. */
export const packetLines = (out: Buffer): string[] =>
  out
    .toString()
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.replace(/\s/g, ''))
