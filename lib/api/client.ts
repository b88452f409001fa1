import { readEvents } from './event-reader.ts'
import type {
  ApiErrorCode,
  ApiEvent,
  ErrorReport,
  RecordingReport,
  RelayReport,
  ServerReport,
  SessionReport,
  StreamReport
} from './types.ts'

/** Options of apiClient(). */
export interface ApiClientOptions {
  /** The token of the server: `--api-token`. It is sent in a header, never in a URL. */
  token?: string
  /** What sends the requests: the `fetch` of the platform. */
  fetch?: typeof fetch
}

/**
 * An answer of the API that is an error.
 * @example
 * ```ts
 * await apiClient('http://127.0.0.1:8080')
 *   .stream('live/film')
 *   .catch(error => console.log(error instanceof ApiError && error.code)) // 'not_found'
 * ```
 */
export class ApiError extends Error {
  /** The code of the error; `internal` for an answer that is not of the API, as of a proxy. */
  readonly code: ApiErrorCode
  /** The HTTP status. */
  readonly status: number

  constructor(code: ApiErrorCode, message: string, status: number) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.status = status
  }
}

/** The operations of the API. Each rejects with an ApiError if the server refuses it, and as `fetch` does if it cannot be asked. */
export interface ApiClient {
  /** The server as a whole. */
  server(): Promise<ServerReport>
  /** All live streams. */
  streams(): Promise<StreamReport[]>
  /** One live stream, by its path: `live/film`. */
  stream(path: string): Promise<StreamReport>
  /** All sessions. */
  sessions(): Promise<SessionReport[]>
  /** Ends a session. An encoder may connect again. */
  closeSession(id: string): Promise<void>
  /** The recordings that run. */
  recordings(): Promise<RecordingReport[]>
  /** Records a stream into the server's folder of recordings, until the stream ends. */
  startRecording(path: string): Promise<RecordingReport>
  /** Ends a recording, and resolves when its file is complete. */
  stopRecording(id: string): Promise<void>
  /** The relays that run. */
  relays(): Promise<RelayReport[]>
  /** Publishes a stream to another server, at the URL of a stream, until the stream ends. Failures are retried. */
  startRelay(path: string, to: string): Promise<RelayReport>
  /** Ends a relay, and resolves when its server was told. */
  stopRelay(id: string): Promise<void>
  /** Events as they come, until the server ends or the loop is left. */
  events(options?: { signal?: AbortSignal }): AsyncIterable<ApiEvent>
}

/**
 * A client of the API of `rtmpipe serve`, for Node and browsers.
 *
 *     const api = apiClient('http://127.0.0.1:8080', { token })
 *     const viewers = (await api.stream('live/film')).readers.length
 *     for await (const { event, data } of api.events()) if (event === 'log') show(data)
 *
 * @throws TypeError for an invalid URL.
 */
export function apiClient(url: string | URL, { token, fetch: send = fetch }: ApiClientOptions = {}): ApiClient {
  const base = new URL('/api/', url)
  const authorization: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` }

  async function ask(method: string, path: string, { body, signal }: { body?: object; signal?: AbortSignal } = {}) {
    const response = await send(new URL(path, base), {
      method,
      headers: { ...authorization, ...(body && { 'Content-Type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal })
    })
    if (!response.ok) throw await errorOf(response)
    return response
  }

  const read = async <Report>(path: string): Promise<Report> => (await ask('GET', path)).json() as Promise<Report>
  const start = async <Report>(path: string, body: object): Promise<Report> =>
    (await ask('POST', path, { body })).json() as Promise<Report>
  const end = async (collection: string, id: string): Promise<void> => {
    await ask('DELETE', `${collection}/${encodeURIComponent(id)}`)
  }

  return {
    server: () => read('server'),
    streams: async () => (await read<{ streams: StreamReport[] }>('streams')).streams,
    // slashes too are escaped: a URL would resolve `..` between them
    stream: path => read(`streams/${encodeURIComponent(path)}`),
    sessions: async () => (await read<{ sessions: SessionReport[] }>('sessions')).sessions,
    closeSession: id => end('sessions', id),
    recordings: async () => (await read<{ recordings: RecordingReport[] }>('recordings')).recordings,
    startRecording: path => start('recordings', { path }),
    stopRecording: id => end('recordings', id),
    relays: async () => (await read<{ relays: RelayReport[] }>('relays')).relays,
    startRelay: (path, to) => start('relays', { path, to }),
    stopRelay: id => end('relays', id),
    async *events(options = {}) {
      const { body } = await ask('GET', 'events', options)
      if (body !== null) yield* readEvents(body)
    }
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const report = (await response.json().catch(() => undefined)) as Partial<ErrorReport> | undefined
  const { code = 'internal', message = response.statusText } = report?.error ?? {}
  return new ApiError(code, message, response.status)
}
