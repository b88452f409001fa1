import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { sendText } from '../http/response-answer.ts'

/** Whether a page of its origin may open a WebSocket. A request without an Origin header, which no browser sends, may. */
export function isOriginAllowed({ headers }: IncomingMessage, allowed: string | undefined): boolean {
  const { origin, host = '' } = headers
  if (origin === undefined || allowed === '*' || origin === allowed) return true
  return origin.toLowerCase().replace(/^https?:\/\//, '') === host.toLowerCase()
}

/** Answers a request to upgrade with a response of HTTP. */
export function refuseUpgrade(request: IncomingMessage, socket: Duplex, status: number, text: string): void {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket as Socket)
  response.once('finish', () => socket.end())
  sendText(response, status, text)
}
