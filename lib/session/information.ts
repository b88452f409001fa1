import { type AmfObject, type AmfValue, propertiesOf } from '../amf/amf-value.ts'
import { Refused } from '../errors.ts'

/** The information object of a command: the second argument, or the first if there is no command object. */
export const informationOf = (args: readonly AmfValue[]): AmfObject =>
  propertiesOf(args[1]) ?? propertiesOf(args[0]) ?? {}

export const textOf = (value: AmfValue): string => (typeof value === 'string' ? value : '')

/** The Refused that an `_error`, or an onStatus of level error, describes. */
export function refusal(args: readonly AmfValue[]): Refused {
  const information = informationOf(args)
  const { code, description } = information
  return new Refused(textOf(code) || 'NetConnection.Call.Failed', textOf(description), information)
}
