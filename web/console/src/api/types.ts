// The shapes of Rowan's HTTP API as the console uses them.

export type Priority = 'P1' | 'P2' | 'P3'
export type Environment = 'standin' | 'test' | 'production'
export type Role = 'reviewer' | 'supervisor' | 'admin'
export type ScanState = 'scanned' | 'partial' | 'failed' | 'unsupported'
export type ListKind = 'illegal' | 'intimate_image' | 'harmful' | 'allow' | 'canary'
export type NcmecClass = 'A1' | 'A2' | 'B1' | 'B2'
export type UkClass = 'A' | 'B' | 'C'
export type CaseState = 'open' | 'decided' | 'closed'
export type ReportState = 'draft' | 'approved' | 'opening' | 'open' | 'sealed' | 'filed' | 'withdrawn'

export interface Page<T> {
  items: T[]
  next_cursor?: string
}

export interface Who {
  id: string
  name: string
}

export interface Session {
  user: Who & { role: Role; passkeys: number }
  scopes: string[]
  expires_at: string
}

export interface Overview {
  version: string
  policy_version: string
  cases: { open: number; by_priority: Record<Priority, number>; oldest_opened_at?: string }
  reports: { draft: number; in_progress: number; failing: number; filed: number }
  checks: Record<ScanState, number>
  webhooks: { pending: number; failing: number }
  ledger: { size: number; sealed_at?: string }
  authority: { name: string; environment: Environment }
  quotas: { name: string; used: number; limit: number; tripped: boolean }[]
}

export interface CaseSummary {
  id: string
  state: CaseState
  queue: string
  priority: Priority
  opened_at: string
  updated_at: string
  account_id: string
  items: number
  reason: string
  canary: boolean
  assigned_to?: Who
  lease_until?: string
  surface: string
  jurisdiction: string
}

export interface CaseDetail extends CaseSummary {
  content: Item[]
  account?: Account
  decisions: Decision[]
  reports: ReportSummary[]
  clocks: { law: string; basis: string; until: string }[]
  views: View[]
  history: { at: string; actor: string; action: string; detail: string }[]
}

export interface View {
  evidence_id: string
  by: string
  mode: 'preview' | 'original'
  reason: string
  at: string
}

export interface Finding {
  detector: string
  list: string
  kind: ListKind
  match: 'exact' | 'near'
  variant: string
  frame: number
}

export interface Item {
  id: string
  content_id: string
  filename?: string
  surface: string
  jurisdiction: string
  created_at?: string
  received_at: string
  verdict: string
  scan: ScanState
  scan_reason?: string
  policy_version: string
  media?: { format: string; width: number; height: number; frames: number; size: number }
  findings: Finding[]
  evidence?: { id: string; media_type: string; size: number; viewed_by_me: boolean; viewed: boolean }
}

export interface Account {
  id: string
  names?: string[]
  screen_name?: string
  display_names?: string[]
  emails?: { address: string; verified?: boolean }[]
  phones?: { number: string; verified?: boolean }[]
  profile_url?: string
  date_of_birth?: string
  ip_events?: { ip: string; port?: number; event: string; at: string }[]
  devices?: { type: string; value: string }[]
  updated_at: string
}

export interface Decision {
  id: string
  outcome: 'confirmed' | 'not_confirmed'
  by: Who
  at: string
  ncmec_class?: NcmecClass
  uk_class?: UkClass
  incident_type?: string
  reason: string
  note?: string
  viewed: { evidence_id: string; mode: 'original' | 'not_viewed' }[]
  undone_at?: string
  can_undo: boolean
}

export interface DecisionInput {
  outcome: 'confirmed' | 'not_confirmed'
  reason: string
  note?: string
  ncmec_class?: NcmecClass
  uk_class?: UkClass
  incident_type?: string
  priority?: Priority
}

export interface ReportSummary {
  id: string
  case_id: string
  authority: 'ncmec'
  environment: Environment
  state: ReportState
  incident_type: string
  created_at: string
  updated_at: string
  remote_id?: string
  filed_at?: string
  last_error?: string
  attempts: number
  next_attempt_at?: string
}

export interface ReportFile {
  evidence_id: string
  filename?: string
  media_type: string
  size: number
  md5: string
  viewed_by_esp: boolean
  ncmec_class?: string
  remote_file_id?: string
  state: 'waiting' | 'uploaded' | 'described'
}

export interface ReportDetail extends ReportSummary {
  draft: {
    platform: string
    incident_at: string
    escalate_reason?: string
    additional_info?: string
    reported_user?: Account
  }
  completeness: { score: number; missing: { field: string; why: string }[] }
  files: ReportFile[]
  approved_by?: Who
  approved_at?: string
  receipt?: string
  xml?: string
  exchanges: {
    at: string
    operation: string
    http_status: number
    code?: number
    request_id?: string
    error?: string
  }[]
  problems: { path: string; problem: string }[]
}

export interface DraftInput {
  escalate_reason?: string
  additional_info?: string
  incident_at?: string
}

export interface List {
  name: string
  kind: ListKind
  source: string
  threshold: number
  enabled: boolean
  version: number
  signals: { md5: number; sha1: number; sha256: number; pdq: number }
  created_at: string
  updated_at: string
}

export interface Signal {
  id: string
  type: string
  note?: string
  source?: string
  classification?: string
  added_at: string
}

export interface ImportResult {
  added: number
  already: number
  skipped: { line: number; problem: string }[]
  version: number
}

export interface LedgerEntry {
  id: string
  index?: number
  at: string
  actor: string
  action: string
  subject: string
  detail: string
}

export interface LedgerProof {
  index: number
  size: number
  leaf: string
  path: string[]
  checkpoint: string
}

export interface Webhook {
  id: string
  url: string
  events: string[]
  created_at: string
  disabled: boolean
}

export interface Delivery {
  id: string
  endpoint_id: string
  event_type: string
  event_id: string
  state: 'pending' | 'delivered' | 'failing' | 'cancelled'
  attempts: number
  last_status?: number
  last_error?: string
  next_attempt_at?: string
  created_at: string
  delivered_at?: string
}

export interface User {
  id: string
  name: string
  role: Role
  created_at: string
  disabled: boolean
  passkeys: number
}

export interface Key {
  id: string
  name: string
  role: string
  created_at: string
  last_used_at?: string
  revoked: boolean
}

export interface IncidentType {
  value: string
  label: string
}
