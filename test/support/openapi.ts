import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'

interface Answer {
  readonly $ref?: string
  readonly content?: Record<string, { readonly schema: object }>
}

interface Operation {
  readonly operationId: string
  readonly responses: Record<string, Answer>
}

export const openapi = JSON.parse(readFileSync('lib/api/openapi.json', 'utf8')) as {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: {
    readonly schemas: Record<string, { readonly properties?: Record<string, unknown> }>
    readonly responses: Record<string, Answer>
  }
}

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false })
ajv.addSchema({ $id: 'openapi', components: openapi.components }, undefined, false, false)
ajv.addKeyword('components')

/** A schema's references are to its document. */
const within = (schema: object): object => JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/'))

/** A `fetch` that checks each answer of the API against openapi.json, and remembers what was answered. */
export class CheckedApi {
  /** `operationId status`. */
  readonly answered: Set<string> = new Set()
  readonly wrong: string[] = []

  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init)
    const method = init?.method ?? 'GET'
    const { pathname } = new URL(response.url)
    const said = `${method} ${pathname} ${response.status}`
    const wrong = await this.#check(method, pathname, response.clone()).catch(error => `${error}`)
    if (wrong !== undefined) this.wrong.push(`${said}: ${wrong}`)
    return response
  }

  async #check(method: string, path: string, response: Response): Promise<string | undefined> {
    const [, actions] =
      Object.entries(openapi.paths).find(([each]) => path === each) ??
      Object.entries(openapi.paths).find(
        ([each]) => each.endsWith('}') && path.startsWith(each.replace(/\{.*/, '')) && !path.endsWith('/')
      ) ??
      []
    const isHead = method === 'HEAD'
    const operation = actions?.[(isHead ? 'GET' : method).toLowerCase()]
    const { status } = response
    if (operation === undefined) {
      const isTold = actions === undefined ? [401, 404].includes(status) : [401, 405].includes(status)
      return isTold ? this.#valid({ $ref: '#/components/schemas/ErrorReport' }, response, isHead) : 'no such operation'
    }
    this.answered.add(`${operation.operationId} ${status}`)
    const { $ref, ...own } = operation.responses[status] ?? {}
    const answer = $ref === undefined ? own : openapi.components.responses[$ref.split('/').at(-1)!]!
    if (operation.responses[status] === undefined) return 'status is not described'
    const type = response.headers.get('content-type')?.split(';')[0]
    if (answer.content === undefined) return (await response.text()) === '' ? undefined : 'a body'
    const { schema } = answer.content[type ?? ''] ?? {}
    if (schema === undefined) return `type ${type} is not described`
    // events go on as long as either of the two bodies is read
    if (type === 'text/event-stream') void response.body?.cancel()
    return type === 'application/json' ? this.#valid(schema, response, isHead) : undefined
  }

  async #valid(schema: object, response: Response, isHead: boolean): Promise<string | undefined> {
    if (response.headers.get('content-type') !== 'application/json; charset=utf-8') return 'not JSON'
    if (isHead) return undefined
    return faults(schema, await response.json())
  }
}

/** What is wrong with a value by a schema of openapi.json. */
export function faults(schema: object, value: unknown): string | undefined {
  return ajv.validate(within(schema), value) ? undefined : ajv.errorsText()
}
