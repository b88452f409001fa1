import type { ApiEvent } from './types.ts'

/** The events of a body of server-sent events (HTML, 9.2.6), as this server writes them: a name and one line of JSON. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ApiEvent, void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      text += decoder.decode(value, { stream: true })
      const blocks = text.split('\n\n')
      text = blocks.pop()!
      yield* blocks.flatMap(block => eventOf(block) ?? [])
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function eventOf(block: string): ApiEvent | undefined {
  const fields = new Map(
    block.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)])
  )
  const [event, data] = [fields.get('event')?.trim(), fields.get('data')]
  if ((event !== 'streams' && event !== 'log') || data === undefined) return undefined
  return { event, data: JSON.parse(data) } as ApiEvent
}
