import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AmfObject, FlvReader, FlvWriter, type Message, propertiesOf, readData } from 'rtmpipe'

/** A folder of one's own, gone with the test. */
export function folder(t: { teardown(end: () => unknown): unknown }): string {
  const path = mkdtempSync(join(tmpdir(), 'rtmpipe-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Settles when a file has so many bytes. */
export async function grows(path: string, bytes: number): Promise<void> {
  while ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) < bytes) await sleep(20)
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

export interface Tag {
  readonly message: Message
  /** Where it begins in its file. */
  readonly position: number
}

/** The tags of a file that is whole. */
export function tags(file: Buffer): Tag[] {
  const reader = new FlvReader()
  const found: Tag[] = []
  for (const message of reader.messages(file)) found.push({ message, position: reader.tagOffset })
  if (reader.cut() !== undefined || reader.offset !== file.length) throw new Error('the file ends within a tag')
  return found
}

/** The metadata of a recording, which is its first tag and has timestamp 0, without the room it has. */
export function says(file: Buffer): AmfObject {
  const [{ message } = {}] = tags(file)
  const [name, value] = readData(message!)
  if (name !== 'onMetaData' || message?.timestamp !== 0) throw new Error('the first tag is no metadata at 0')
  const { spacer: _, ...properties } = propertiesOf(value)!
  return properties
}
