import type { Refused } from './errors.ts'
import type { HttpPlay } from './http/http-play.ts'
import type { ClientSession } from './session/client-session.ts'
import type { Connect } from './session/connect.ts'
import type { CloseReason } from './session/net-connection.ts'
import type { Play } from './session/play.ts'
import type { Playing } from './session/playing.ts'
import type { Publish } from './session/publish.ts'
import type { Publishing } from './session/publishing.ts'
import type { ServerSession } from './session/server-session.ts'

/** A request, with its session; one over HTTP has none. */
export type DiagnosedRequest =
  | { readonly kind: 'connect'; readonly request: Connect; readonly session: ServerSession }
  | { readonly kind: 'publish'; readonly request: Publish; readonly session: ServerSession }
  | { readonly kind: 'play'; readonly request: Play; readonly session: ServerSession }
  | { readonly kind: 'play'; readonly request: HttpPlay; readonly session: undefined }

/** How a request was decided: `'granted'`, a Refused, or `'left'` if the peer disconnected before. */
export type RequestOutcome = 'granted' | 'left' | Refused

/**
 * The channels of `node:diagnostics_channel`, and the messages that they carry, for tracing and logs without a change of the application:
 *
 *     subscribe('rtmpipe:session:end', message => {
 *       const { session, reason } = message as DiagnosticsChannels['rtmpipe:session:end']
 *     })
 *
 * A channel without a subscriber costs nothing, and no channel carries media. A subscriber is called synchronously, and must not change the
 * objects that it is given.
 */
export interface DiagnosticsChannels {
  /** A session was created, of a server or of a client. */
  'rtmpipe:session:start': { readonly session: ServerSession | ClientSession }
  /** A session has ended. */
  'rtmpipe:session:end': { readonly session: ServerSession | ClientSession; readonly reason: CloseReason }
  /** A peer asks to connect, to publish or to play. */
  'rtmpipe:request:start': DiagnosedRequest
  /** A request was decided. */
  'rtmpipe:request:end': DiagnosedRequest & { readonly outcome: RequestOutcome }
  /** A publish begins: one that was granted to the peer, or one that a client asks for. */
  'rtmpipe:publish:start': EngagedMessage<Publish, Publishing>
  /** A publish has ended. */
  'rtmpipe:publish:end': EngagedMessage<Publish, Publishing>
  /** A play over RTMP begins: one that was granted to the peer, or one that a client asks for. */
  'rtmpipe:play:start': EngagedMessage<Play, Playing>
  /** A play over RTMP has ended. */
  'rtmpipe:play:end': EngagedMessage<Play, Playing>
  /** A session, a listener of the application or a connection without a session has failed. A peer that disconnects is not an error. */
  'rtmpipe:error': { readonly error: Error; readonly session: ServerSession | ClientSession | undefined }
}

/** A publish or a play of a session, of a server or of a client. */
export type EngagedMessage<OfServer, OfClient> =
  | { readonly session: ServerSession; readonly stream: OfServer }
  | { readonly session: ClientSession; readonly stream: OfClient }
