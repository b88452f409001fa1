/**
 * Calls listeners, the `rawListeners(event)` of an emitter, as `emit` does. An exception or a rejection of one goes to `failed`, and the
 * others are still called. False if there are none.
 */
export function callListeners(
  // biome-ignore lint/complexity/noBannedTypes: it is what rawListeners gives
  listeners: readonly Function[],
  emitter: object,
  args: readonly unknown[],
  failed: (thrown: unknown) => void
): boolean {
  for (const listener of listeners) {
    try {
      Promise.resolve(Reflect.apply(listener, emitter, args)).catch(failed)
    } catch (thrown) {
      failed(thrown)
    }
  }
  return listeners.length > 0
}

const warned = new Set<string>()

/** Emits a process warning about a mistake of the application, once per message: peers may provoke it any number of times. */
export function warnOnce(message: string): void {
  if (isNew(message)) process.emitWarning(message, 'RtmpWarning')
}

/** Emits a process warning about an error of a listener that no other event reports: with the stack, once per place. */
export function warnOfFailure(failure: Error): void {
  const { message, stack = '' } = failure
  const frames = stack.indexOf('\n    at ')
  if (!isNew(frames < 0 ? message : stack.slice(frames))) return
  const warning = new Error(`a listener has failed: ${message}`, { cause: failure })
  // Node prints a warning's detail, but its stack only where it is run with --trace-warnings
  process.emitWarning(Object.assign(warning, { name: 'RtmpWarning', detail: stack }))
}

function isNew(place: string): boolean {
  if (warned.has(place)) return false
  warned.add(place)
  return true
}
