import type { Wire, WireSource } from '../index.ts'
import type { UpgradeHandler } from './http/http-server.ts'
import { optional } from './optional.ts'

/** Takes WebSockets that carry RTMP, from pages of this origin too. */
export async function rtwsHandler(
  onWire: (wire: Wire, source: WireSource) => void,
  origin: string | undefined
): Promise<UpgradeHandler> {
  const ws = await optional(import('../ws/index.ts'))
  if (ws === undefined) throw new Error('--rtws requires the package ws: npm install ws')
  return ws.rtws(onWire, origin === undefined ? {} : { origin })
}
