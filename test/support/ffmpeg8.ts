import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Program } from './programs.ts'

type Scope = { teardown(end: () => unknown): unknown }

/** Debian has an older FFmpeg: this one is a library, which an install of its own has. */
const command = fileURLToPath(new URL('../../../test/ffmpeg8/ffmpeg8.mjs', import.meta.url))

/** False, so that a test runs, if FFmpeg 8 is there; else what the test says when it is skipped. */
export const withoutFfmpeg8 = (): false | string =>
  spawnSync(process.execPath, [command]).status === 0 ? false : 'FFmpeg 8 not installed: npm ci --prefix test/ffmpeg8'

/** What FFmpeg 8 finds in a stream. */
export interface Found {
  readonly kind: 'audio' | 'video'
  /** The id of a track; 0 where there are none. */
  readonly track: number
  readonly codec: string
  /** Width and height, or channels and sample rate. */
  readonly format: string
  /** A hash of what the decoder needs first. */
  readonly config: string
  /** Primaries, transfer and matrix, by their numbers in FFmpeg; 2 for unknown. */
  readonly color: readonly number[]
  /** The mask of the speakers; empty where there is none. */
  readonly speakers: string
  /** Presentation and decoding time in milliseconds, length and hash of each. */
  readonly packets: readonly string[]
}

/**
 * What FFmpeg 8 reads of a file, or plays of a URL to its end, or is published where it listens itself, without an error:
 * the streams in the order of their tracks.
 */
export async function readByFfmpeg8(
  t: Scope,
  from: string,
  { listens = false }: { listens?: boolean } = {}
): Promise<Found[]> {
  const found: Found[] = JSON.parse(await run(t, listens ? 'listen' : 'read', from))
  return found.sort((a, b) => a.kind.localeCompare(b.kind) || a.track - b.track)
}

/** FFmpeg 8 copies the packets of a file into an FLV file, or publishes them in real time, to the end and without an error. */
export async function sendByFfmpeg8(t: Scope, file: string, to: string): Promise<void> {
  await run(t, 'send', file, to)
}

async function run(t: Scope, ...args: string[]): Promise<string> {
  const program = new Program(t, process.execPath, [command, ...args])
  const { code, out } = await program.ends()
  // of a body over HTTP that ends with its connection
  const said = program.said.replaceAll(/\[http @ \w+\] Stream ends prematurely .*\n/g, '')
  if (code !== 0 || said !== `${out}`) throw new Error(`FFmpeg 8 ends with ${code}, and says ${said.slice(0, 2000)}`)
  return `${out}`
}
