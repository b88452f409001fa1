/**
 * Where a server is measured: the tools and the media, made in a folder of the system's temporary files and kept there from run to run;
 * the server pinned to core 0, the tools to core 1; what the kernel says it took.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export const PORT = 29350
/** A second port, for who needs one: a floor's feed, what lies behind a proxy. */
export const SECOND_PORT = 29351
export const folder: string = process.env.RTMPIPE_BENCH ?? join(tmpdir(), 'rtmpipe-bench')
mkdirSync(folder, { recursive: true })

const tools = new URL('../../bench/tools/', import.meta.url).pathname
/** One of our own scripts, compiled, as a command. */
export const script = (name: string, ...args: (string | number)[]): string[] => [
  process.execPath,
  new URL(`../${name}.js`, import.meta.url).pathname,
  ...args.map(String)
]

export const has = (command: string): boolean => succeeds('which', command)

function succeeds(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Builds the load tool, the feed of the floors and the spinner; false without a compiler. */
export function build(): boolean {
  if (!has('g++') || !has('gcc')) return false
  execFileSync('g++', ['-O2', '-o', join(folder, 'load'), join(tools, 'load.cpp')], { stdio: 'inherit' })
  for (const name of ['feed', 'spin']) {
    execFileSync('gcc', ['-O2', '-o', join(folder, name), join(tools, `${name}.c`)], { stdio: 'inherit' })
  }
  return true
}

/** A minute of H.264 and AAC at a constant rate, a keyframe every two seconds, no B frames. */
export function media(name: '2500k' | '20000k'): string {
  const file = join(folder, `${name}.flv`)
  if (existsSync(file)) return file
  const [size, rate] = name === '2500k' ? ['1280x720', '2420k'] : ['1920x1080', '20000k']
  const input = ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=30`, '-f', 'lavfi', '-i', 'sine=f=440:r=44100', '-t', '60']
  const video = ['-vf', 'noise=alls=20:allf=t', '-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '60']
  const constant = ['-b:v', rate!, '-minrate', rate!, '-maxrate', rate!, '-bufsize', rate!]
  const h264 = [...constant, '-x264-params', 'nal-hrd=cbr:scenecut=0:keyint=60:min-keyint=60', '-pix_fmt', 'yuv420p']
  const output = ['-c:a', 'aac', '-b:a', '96k', '-f', 'flv', '-y', file]
  execFileSync('ffmpeg', ['-v', 'error', ...input, ...video, ...h264, ...output], { stdio: 'inherit' })
  return file
}

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** Starts a command on one core, ahead of others where that is allowed. */
function start(core: 0 | 1, command: readonly string[], cwd = folder): ChildProcess {
  const pinned = 'ulimit -n 20000 2>/dev/null || ulimit -n $(ulimit -Hn); renice -n -10 $$ >/dev/null 2>&1; exec "$@"'
  const args = ['-c', pinned, 'sh', 'taskset', '-c', String(core), ...command]
  const child = spawn('sh', args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill()
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
  await gone
  clearTimeout(timer)
}

/** Keeps both cores awake, at the lowest priority: waking a halted core of a virtual machine costs several µs, now and then. */
export function spin(seconds: number): () => Promise<void> {
  const spinners = ([0, 1] as const).map(core => start(core, [join(folder, 'spin'), String(core), String(seconds)]))
  return async () => {
    await Promise.all(spinners.map(end))
  }
}

/** A server under test. */
export class Served {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(command: readonly string[], port: number = PORT): Promise<Served> {
    const child = start(0, command)
    child.stdout!.resume()
    for (let tries = 0; !(await answers(port)); tries++) {
      if (tries === 100 || child.exitCode !== null) throw new Error(`${command.join(' ')} does not listen on ${port}`)
      await sleep(100)
    }
    await sleep(500)
    return new Served(child)
  }

  /** Seconds of CPU that all its threads have had. */
  get cpu(): number {
    const { pid } = this.#child
    return readdirSync(`/proc/${pid}/task`)
      .map(task => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e9)
      .reduce((sum, seconds) => sum + seconds, 0)
  }

  /** KB of memory it holds. */
  get rss(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))![1])
  }

  async stop(): Promise<void> {
    await end(this.#child)
    await sleep(200)
  }
}

const answers = (port: number) =>
  new Promise<boolean>(resolve => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

/** What the load tool says of its measured window, and what the server took in it. */
export interface Measured {
  run: number
  dead: number
  win_s: number
  rx_bytes: number
  tx_bytes: number
  per_min: number
  per_p50: number
  lat_p50: number
  lat_p99: number
  lat_max: number
  err: string
  /** Seconds of CPU of the server, and of the window. */
  cpu: number
  wall: number
  /** KB the server held at the window's end. */
  rss: number
}

/** The load tool, or another that speaks as it does: a line `BEGIN`, a line `END`, a line of JSON. */
export class Tool {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(command: readonly string[]) {
    this.#child = start(1, command)
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  static load(...args: (string | number)[]): Tool {
    return new Tool([join(folder, 'load'), ...args.map(String)])
  }

  /** Waits for a line that begins so. */
  async until(word: string): Promise<string> {
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done || value.startsWith('TIMEOUT')) throw new Error(`the load tool gave up: ${value ?? 'it ended'}`)
      if (value.startsWith(word)) return value
    }
  }

  async measure(server: Served): Promise<Measured> {
    await this.until('BEGIN')
    const [cpu, at] = [server.cpu, performance.now()]
    await this.until('END')
    const took = { cpu: server.cpu - cpu, wall: (performance.now() - at) / 1000, rss: server.rss }
    const told = JSON.parse(await this.until('{'))
    await this.stop()
    return { ...told, ...took }
  }

  stop(): Promise<void> {
    return end(this.#child)
  }
}

/** Starts something on the tools' core; what it returns stops it. */
export function beside(command: readonly string[]): () => Promise<void> {
  const child = start(1, command)
  child.stdout!.resume()
  return () => end(child)
}

/** Writes a file beside the tools, for a server that wants to be configured. */
export function write(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}
