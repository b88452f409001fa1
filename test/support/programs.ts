import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const known = new Map<string, boolean>()

/** False, so that a test runs, if all these programs are there; else what the test says when it is skipped. */
export function without(...programs: string[]): false | string {
  const missing = programs.filter(program => {
    if (!known.has(program)) known.set(program, spawnSync('which', [program]).status === 0)
    return !known.get(program)
  })
  return missing.length === 0 ? false : `${missing.join(', ')} not installed`
}

/** A program at work. It is ended with the test that started it, whatever becomes of that. */
export class Program {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #out: Promise<Buffer>
  /** It has ended, and all it said has been read. */
  readonly #closed: Promise<unknown>
  #said = ''

  constructor(t: { teardown(end: () => unknown): unknown }, command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#out = buffer(this.#child.stdout)
    this.#closed = once(this.#child, 'close')
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', bytes => {
        this.#said += bytes
      })
    }
    t.teardown(async () => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
      this.#child.kill('SIGKILL')
      await once(this.#child, 'exit')
    })
  }

  /** All it said so far, on both its outputs. */
  get said(): string {
    return this.#said
  }

  /** Waits until it has said this so many times; the last match. */
  async says(pattern: RegExp, times = 1): Promise<RegExpMatchArray> {
    for (;;) {
      const matches = [...this.#said.matchAll(new RegExp(pattern, `${pattern.flags}g`))]
      if (matches.length >= times) return matches[times - 1]!
      if (this.#child.exitCode !== null) throw new Error(`it has ended, saying ${this.#said || 'nothing'}`)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }

  /** Waits for its end: its exit code, and what it wrote to its standard output. */
  async ends(): Promise<{ code: number | null; out: Buffer }> {
    await this.#closed
    return { code: this.#child.exitCode, out: await this.#out }
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#child.kill(signal)
  }
}

const compiled = (name: string) => fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url))

/** An example of this project, as a person would run it. */
export const example = (t: { teardown(end: () => unknown): unknown }, name: string, ...args: string[]): Program =>
  new Program(t, process.execPath, [compiled(name), ...args])
