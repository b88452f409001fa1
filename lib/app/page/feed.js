// What the server says: GET /api/server once a connection, then GET /api/events. Read by fetch, because an EventSource
// cannot send a token. A server that has gone is asked again until it is back.

/** @import { ServerReport, StreamReport } from '../../api/types.ts' */

/**
 * @typedef {object} Listener
 * @property {(server: ServerReport) => void} server
 * @property {(streams: readonly StreamReport[]) => void} streams once a second
 * @property {(line: Record<string, unknown>) => void} log a line of the server's log
 * @property {() => void} connected
 * @property {(retryAt: number) => void} lost the server is asked again at this time of Date.now()
 * @property {(message: string, needsToken: boolean) => void} denied nothing is asked until retry(); needsToken: a token would help
 */

const TOKEN = 'rtmpipe.token'
/** Milliseconds between two tries: the first, and those after it. */
const RETRY_MS = [500, 1000, 2000, 3000]
/** Milliseconds without an event after which the server is taken for gone: it sends one a second. */
const SILENCE_MS = 6000

/** The session's own: another tab, or the next visit, asks again. */
export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? '',
  /** @param {string} text */
  set: text => sessionStorage.setItem(TOKEN, text)
}

/** Status 401 or 403: nothing changes until there is another token. */
class Denied extends Error {
  /**
   * @param {string} message
   * @param {number} status
   */
  constructor(message, status) {
    super(message)
    this.needsToken = status === 401
  }
}

/**
 * @param {Listener} hear
 * @returns {{ retry: () => void }} retry: asks at once
 */
export function feed(hear) {
  let tries = 0
  /** @type {() => void} */
  let wake = () => {}

  async function run() {
    for (;;) {
      try {
        await connection()
      } catch (error) {
        if (error instanceof Denied) {
          hear.denied(error.message, error.needsToken)
          await new Promise(resolve => {
            wake = () => resolve(undefined)
          })
          continue
        }
      }
      const ms = RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)] ?? 0
      hear.lost(Date.now() + ms)
      await new Promise(resolve => {
        wake = () => resolve(undefined)
        setTimeout(wake, ms)
      })
    }
  }

  /** Ends, or fails, when the server has gone. */
  async function connection() {
    const silence = new AbortController()
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer
    const heard = () => {
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), SILENCE_MS)
    }
    try {
      heard()
      const { signal } = silence
      hear.server(await (await get('/api/server', signal)).json())
      const { streams } = await (await get('/api/streams', signal)).json()
      hear.connected()
      hear.streams(streams)
      tries = 0
      const { body } = await get('/api/events', signal)
      for await (const { event, data } of events(/** @type {ReadableStream<Uint8Array>} */ (body))) {
        heard()
        if (event === 'streams') hear.streams(data.streams)
        else if (event === 'log') hear.log(data)
      }
    } finally {
      clearTimeout(timer)
      silence.abort()
    }
  }

  void run()
  return { retry: () => wake() }
}

/**
 * @param {string} path
 * @param {AbortSignal} signal
 */
async function get(path, signal) {
  const headers = token.get() === '' ? {} : { Authorization: `Bearer ${token.get()}` }
  const response = await fetch(path, { headers, signal, cache: 'no-store' })
  if (response.status === 401 || response.status === 403) throw new Denied(await advice(response), response.status)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response
}

/** @param {Response} response */
async function advice(response) {
  try {
    return `${(await response.json()).error.message}`
  } catch {
    return `status ${response.status}`
  }
}

/**
 * Server-sent events (HTML, 9.2.6), of which the data is JSON.
 * @param {ReadableStream<Uint8Array>} body
 */
async function* events(body) {
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const blocks = (rest + value).replaceAll('\r\n', '\n').split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const lines = block.split('\n')
      const all = (/** @type {string} */ field) =>
        lines.filter(line => line.startsWith(`${field}:`)).map(line => line.slice(field.length + 1).replace(/^ /, ''))
      const data = all('data').join('\n')
      if (data !== '') yield { event: all('event')[0] ?? 'message', data: JSON.parse(data) }
    }
  }
}
