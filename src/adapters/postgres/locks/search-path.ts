import type { Node, SelectStmt, VariableSetStmt } from 'libpg-query'
import { partsOf } from '../grammar/names.ts'
import type { Taking } from './taking.ts'

/** `set search_path`, in whatever way; `set schema 'x'` is one too. */
export function setsPath({ kind, name = '', args = [] }: VariableSetStmt, { model }: Taking): void {
  if (kind === 'VAR_RESET_ALL') model.searchIn(undefined)
  if (name.toLowerCase() !== 'search_path') return
  model.searchIn(kind === 'VAR_SET_VALUE' ? args.map((one) => textOf(one) ?? '') : undefined)
}

/** `select set_config('search_path', …)`, as every dump has it. */
export function setsPathByCall({ targetList = [] }: SelectStmt, { model }: Taking): void {
  for (const target of targetList) {
    const call = 'ResTarget' in target ? target.ResTarget.val : undefined
    if (call === undefined || !('FuncCall' in call) || partsOf(call.FuncCall.funcname ?? []).at(-1) !== 'set_config')
      continue
    const [setting, value] = (call.FuncCall.args ?? []).map(textOf)
    if (setting?.toLowerCase() === 'search_path' && value !== undefined) model.searchIn(schemasIn(value))
  }
}

function textOf(node: Node): string | undefined {
  return 'A_Const' in node ? (node.A_Const.sval?.sval ?? (node.A_Const.sval === undefined ? undefined : '')) : undefined
}

/** The server's own list of identifiers: quoted as they are, others in lower case. */
function schemasIn(list: string): readonly string[] {
  return [...list.matchAll(/"((?:[^"]|"")*)"|([^\s,"]+)/g)].map(([, quoted, plain = '']) =>
    quoted === undefined ? plain.toLowerCase() : quoted.replaceAll('""', '"'),
  )
}
