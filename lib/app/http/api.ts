import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { LiveStream } from '../../index.ts'
import { type Log, said } from '../log.ts'
import type { Running, RunningTable } from '../running.ts'
import { type AccessOptions, tokenGuard } from './access.ts'
import type { ApiEvents } from './api-events.ts'
import type { HttpHandler } from './http-server.ts'
import { ApiRefusal, answerJson, answerRefusal, readStrings } from './json.ts'
import { Reports, recordingReport, relayReport, type Subjects } from './reports.ts'

/** One request, with the rest of its path after the collection. */
interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly rest: string
}

type Method = 'GET' | 'POST' | 'DELETE'
type Actions = { readonly [Each in Method]?: (call: Call) => void | Promise<void> }

/** Without the URL, in which a key may be anywhere. */
const NOT_A_STREAM = 'to must be the URL of a stream, as rtmp://HOST/APP/NAME'

/** Recordings and relays there may be at a time. */
const MAX_RUNNING = 1000

const openapi = new URL('../../../../lib/api/openapi.json', import.meta.url)

/**
 * The API: JSON below `/api/`, as openapi.json describes it, behind tokenGuard. It changes something only if there is a token, by POST and
 * DELETE.
 */
export function apiHandler(subjects: Subjects, events: ApiEvents, access: AccessOptions, log: Log): HttpHandler {
  const { lives, recordings, relays } = subjects
  const reports = new Reports(subjects)
  const canWrite = access.apiToken !== undefined
  events.reports(() => ({ streams: reports.streams() }))

  /** Starts a recording or a relay of an existing stream. */
  const starting = (table: RunningTable, path: string, start: (live: LiveStream) => Running): Running => {
    const live = lives.find(path)
    if (live === undefined) throw new ApiRefusal('not_found', 'stream does not exist')
    if (table.size >= MAX_RUNNING) throw new ApiRefusal('too_many', `there are ${MAX_RUNNING} already`)
    return start(live)
  }

  const routes: ReadonlyMap<string, Actions> = new Map<string, Actions>([
    [
      '/api/openapi.json',
      { GET: ({ response }) => answerJson(response, 200, JSON.parse(readFileSync(openapi, 'utf8'))) }
    ],
    ['/api/server', { GET: ({ response }) => answerJson(response, 200, reports.server(canWrite)) }],
    ['/api/streams', { GET: ({ response }) => answerJson(response, 200, { streams: reports.streams() }) }],
    [
      '/api/streams/',
      { GET: ({ response, rest }) => answerJson(response, 200, found(reports.stream(rest), 'stream')) }
    ],
    ['/api/sessions', { GET: ({ response }) => answerJson(response, 200, { sessions: reports.sessions() }) }],
    [
      '/api/sessions/',
      {
        DELETE({ response, rest }) {
          found(reports.closeSession(rest) || undefined, 'session')
          answerJson(response, 204)
        }
      }
    ],
    [
      '/api/recordings',
      {
        GET: ({ response }) => answerJson(response, 200, { recordings: reports.recordings() }),
        async POST({ request, response }) {
          const { path } = await readStrings(request, ['path'])
          if (!recordings.isPossible)
            throw new ApiRefusal('conflict', 'there is no folder for recordings: --record DIR')
          if (recordings.has(path)) throw new ApiRefusal('conflict', 'stream is recorded already')
          const recording = starting(recordings, path, live => recordings.start(path, live))
          answerJson(response, 201, recordingReport(recording))
        }
      }
    ],
    ['/api/recordings/', { DELETE: call => stop(recordings, call, 'recording') }],
    [
      '/api/relays',
      {
        GET: ({ response }) => answerJson(response, 200, { relays: reports.relays() }),
        async POST({ request, response }) {
          const { path, to } = await readStrings(request, ['path', 'to'])
          const relay = starting(relays, path, live => asked(() => relays.start(path, live, to), NOT_A_STREAM))
          answerJson(response, 201, relayReport(relay))
        }
      }
    ],
    ['/api/relays/', { DELETE: call => stop(relays, call, 'relay') }],
    ['/api/events', { GET: ({ response }) => events.listen(response) }]
  ])

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '' } = request
    const { actions, rest } = routeOf(routes, pathOf(request))
    const action = actions[(method === 'HEAD' ? 'GET' : method) as Method]
    if (action === undefined) {
      const methods = Object.keys(actions).flatMap(each => (each === 'GET' ? ['GET', 'HEAD'] : [each]))
      throw new ApiRefusal('method_not_allowed', 'method is not allowed here', { Allow: methods.join(', ') })
    }
    if (action !== actions.GET && !canWrite)
      throw new ApiRefusal('forbidden', 'nothing can be changed without a token: rtmpipe serve --api-token TOKEN')
    await action({ request, response, rest })
  }

  const guarded = tokenGuard(access)((request, response) => {
    answer(request, response).catch((error: Error) => {
      // the client has disconnected
      if (response.headersSent || response.destroyed) return void response.destroy()
      if (error instanceof ApiRefusal) return answerRefusal(response, error)
      log('error', { message: said(error) })
      answerRefusal(response, new ApiRefusal('internal', 'internal error'))
    })
  })
  return (request, response, next) =>
    /^\/api(?![^/])/.test(pathOf(request)) ? guarded(request, response, next) : next()
}

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?')[0]!

/** The route of a path: the whole path, or a collection and the rest after it, unescaped. */
function routeOf(routes: ReadonlyMap<string, Actions>, path: string): { actions: Actions; rest: string } {
  const [, collection, escaped] = /^(\/api\/[a-z]+\/)(.+)$/s.exec(path) ?? []
  const actions = routes.get(collection ?? path) ?? routes.get(path)
  if (actions === undefined || (collection === undefined && path.endsWith('/')))
    throw new ApiRefusal('not_found', 'no such path; see /api/openapi.json')
  return { actions, rest: asked(() => decodeURIComponent(escaped ?? ''), 'path has malformed escapes') }
}

async function stop(table: RunningTable, { response, rest }: Call, what: string): Promise<void> {
  const { relay } = found(table.get(rest), what)
  // its last file is complete, or its server is informed
  const ended = new Promise<void>(resolve => relay.once('ended', resolve))
  relay.close()
  await ended
  answerJson(response, 204)
}

function found<Found>(value: Found | undefined, what: string): Found {
  if (value === undefined) throw new ApiRefusal('not_found', `${what} does not exist`)
  return value
}

/** Returns what `use` returns. An error of it is the client's mistake: bad_request. */
function asked<Result>(use: () => Result, message: string): Result {
  try {
    return use()
  } catch {
    throw new ApiRefusal('bad_request', message)
  }
}
