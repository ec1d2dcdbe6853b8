import type { Node } from 'libpg-query'

/** The kinds of nodes that PostgreSQL's grammar makes: `SelectStmt`, `FuncCall`, … */
type Kind = Node extends infer Each ? (Each extends Node ? keyof Each : never) : never
export type StatementKind = Extract<Kind, `${string}Stmt`>
export type NodeOf<K extends Kind> = Extract<Node, Record<K, unknown>>[K]

/**
 * The kinds that a text can hold beside statements. What is in neither table was made by a grammar that nobody has read yet, so it
 * cannot be judged. Nodes that only the analysis and the planner of the server make are not here: no text holds them.
 */
const parts = [
  'Integer Float Boolean String BitString List IntList OidList A_Const Alias RangeVar IntoClause GroupingFunc MergeSupportFunc',
  'NamedArgExpr BoolExpr SubLink CollateExpr CaseExpr CaseWhen RowExpr CoalesceExpr MinMaxExpr SQLValueFunction XmlExpr',
  'JsonFormat JsonReturning JsonValueExpr JsonIsPredicate JsonBehavior NullTest BooleanTest SetToDefault CurrentOfExpr JoinExpr',
  'TypeName ColumnRef ParamRef A_Expr TypeCast CollateClause RoleSpec FuncCall A_Star A_Indices A_Indirection A_ArrayExpr ResTarget',
  'MultiAssignRef SortBy WindowDef RangeSubselect RangeFunction RangeTableFunc RangeTableFuncCol RangeTableSample ColumnDef',
  'TableLikeClause IndexElem DefElem LockingClause XmlSerialize PartitionElem PartitionSpec PartitionBoundSpec PartitionRangeDatum',
  'PartitionCmd GroupingSet WithClause InferClause OnConflictClause CTESearchClause CTECycleClause CommonTableExpr MergeWhenClause',
  'ReturningOption ReturningClause TriggerTransition JsonOutput JsonArgument JsonFuncExpr JsonTablePathSpec JsonTable',
  'JsonTableColumn JsonKeyValue JsonParseExpr JsonScalarExpr JsonSerializeExpr JsonObjectConstructor JsonArrayConstructor',
  'JsonArrayQueryConstructor JsonAggConstructor JsonObjectAgg JsonArrayAgg AlterTableCmd ATAlterConstraint ObjectWithArgs AccessPriv',
  'Constraint CreateOpClassItem StatsElem FunctionParameter VacuumRelation PublicationTable PublicationObjSpec',
]
  .join(' ')
  .split(' ')

export const partKinds: ReadonlySet<string> = new Set(parts)
