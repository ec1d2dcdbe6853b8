import type { Node, RangeVar, RoleSpec } from 'libpg-query'

/** Names as people write them, read off the nodes of PostgreSQL's grammar. */

export function objectName(object: Node): string {
  if ('List' in object) return dotted(object.List.items ?? [])
  if ('ObjectWithArgs' in object) return dotted(object.ObjectWithArgs.objname ?? [])
  if ('TypeName' in object) return dotted(object.TypeName.names ?? [])
  if ('RangeVar' in object) return nameOf(object.RangeVar)
  if ('RoleSpec' in object) return roleName(object.RoleSpec)
  return 'String' in object ? (object.String.sval ?? '') : ''
}

export function nameOf(relation: RangeVar | undefined): string {
  return joined([relation?.schemaname, relation?.relname])
}

/** The name exactly as it is written: `public.t` and `t` may be two tables. */
export function spelled(relation: RangeVar | undefined): string {
  return [relation?.schemaname ?? '', relation?.relname ?? ''].join('.')
}

export function dotted(parts: readonly Node[]): string {
  return joined(partsOf(parts))
}

/** The parts of a qualified name; nodes that are no names are left out. */
export function partsOf(parts: readonly Node[]): readonly string[] {
  return parts.flatMap((part) => ('String' in part ? [part.String.sval ?? ''] : []))
}

export function roleName(role: RoleSpec | undefined): string {
  if (role?.roletype === 'ROLESPEC_PUBLIC') return 'PUBLIC'
  if (role?.roletype === 'ROLESPEC_CSTRING') return role.rolename ?? ''
  return 'the current role'
}

/** Joins the parts of a name without `public`: migrations name it or not as they please. */
export function joined(parts: readonly (string | undefined)[]): string {
  const given = parts.filter((part) => part !== undefined && part !== '')
  return (given.length > 1 && given[0] === 'public' ? given.slice(1) : given).join('.')
}
