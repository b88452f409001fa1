/**
 * Calls an emitter's listeners, its `rawListeners(event)`, as `emit` would; but what one of them throws or rejects with goes to `failed`,
 * and the others are called. Whether there were any.
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

/** Warns the process, once, of a mistake of its developer: peers may provoke it again and again. */
export function warnOnce(message: string): void {
  if (isNew(message)) process.emitWarning(message, 'RtmpWarning')
}

/** Warns the process of what a listener threw and no event was listened to that tells it: with its stack, once for each place. */
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
