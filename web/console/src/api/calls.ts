import { del, download, get, patch, picture, post, put, query, text, upload } from './client'
import type * as t from './types'

const id = encodeURIComponent
const page = (cursor?: string, limit = 50) => ({ cursor, limit })

export const session = {
  who: () => get<t.Session>('/v1/session'),
  redeem: (token: string) => post<t.Session>('/v1/session/link', { token }),
  signOut: () => del('/v1/session'),
}

export const overview = (signal?: AbortSignal) => get<t.Overview>('/v1/overview', signal)

export const cases = {
  list: (state: t.CaseState, cursor?: string, limit = 50) =>
    get<t.Page<t.CaseSummary>>(`/v1/cases${query({ state, ...page(cursor, limit) })}`),
  next: () => post<t.CaseSummary>('/v1/cases/next'),
  get: (c: string) => get<t.CaseDetail>(`/v1/cases/${id(c)}`),
  claim: (c: string) => post<t.CaseSummary>(`/v1/cases/${id(c)}/claim`),
  release: (c: string) => post<t.CaseSummary>(`/v1/cases/${id(c)}/release`),
  decide: (c: string, d: t.DecisionInput) => post<t.Decision>(`/v1/cases/${id(c)}/decision`, d),
  follow: (c: string, decision_id: string, items: number) => post<t.Decision>(`/v1/cases/${id(c)}/follow`, { decision_id, items }),
  undo: (c: string) => post<t.CaseSummary>(`/v1/cases/${id(c)}/undo`),
  bundle: (c: string, b: { reason: string; passphrase?: string; without_content?: boolean }) => download('POST', `/v1/cases/${id(c)}/bundle`, b),
  incidentTypes: () => get<{ items: t.IncidentType[] }>('/v1/incident-types'),
}

export const evidence = {
  preview: (e: string, signal?: AbortSignal) => picture('GET', `/v1/evidence/${id(e)}/preview`, undefined, signal),
  reveal: (e: string, reason: string, signal?: AbortSignal) =>
    picture('POST', `/v1/evidence/${id(e)}/reveal`, { reason }, signal),
}

export const keeping = {
  hold: (c: string, h: t.NewHold) => post<t.Hold>(`/v1/cases/${id(c)}/holds`, h),
  askRelease: (h: string, reason: string) => post<t.Hold>(`/v1/holds/${id(h)}/release`, { reason }),
  confirmRelease: (h: string, reason: string) => post<t.Hold>(`/v1/holds/${id(h)}/release/confirm`, { reason }),
  resume: (clock: string, reason: string) => post<t.Pause>('/v1/evidence/resume', { clock, reason }),
}

export const requests = {
  list: (state: 'open' | 'ended', cursor?: string) => get<t.Page<t.RequestSummary>>(`/v1/requests${query({ state, ...page(cursor) })}`),
  grounds: () => get<{ items: t.Ground[] }>('/v1/request-grounds'),
  make: (r: t.NewRequest) => post<t.RequestDetail>('/v1/requests', r),
  get: (r: string) => get<t.RequestDetail>(`/v1/requests/${id(r)}`),
  due: (r: string, due_at: string) => post<t.RequestDetail>(`/v1/requests/${id(r)}/due`, { due_at }),
  prepare: (r: string, b: { case_id: string; passphrase?: string; without_content?: boolean }) => post<t.Disclosure>(`/v1/requests/${id(r)}/disclosures`, b),
  end: (r: string, e: t.RequestEnd) => post<t.RequestDetail>(`/v1/requests/${id(r)}/end`, e),
  approve: (d: string, sha256: string) => post<t.Disclosure>(`/v1/disclosures/${id(d)}/approve`, { sha256 }),
  take: (d: string) => download('POST', `/v1/disclosures/${id(d)}/file`),
  handOver: (d: string, to: string, means: string) => post<t.Disclosure>(`/v1/disclosures/${id(d)}/hand-over`, { to, means }),
  drop: (d: string) => post<t.Disclosure>(`/v1/disclosures/${id(d)}/drop`),
}

export const outcomes = {
  record: (o: t.NewOutcome) => post<t.Outcome>('/v1/outcomes', o),
  withdraw: (o: string) => post<t.Outcome>(`/v1/outcomes/${id(o)}/withdraw`),
}

export const reports = {
  list: (state?: t.ReportState, cursor?: string) =>
    get<t.Page<t.ReportSummary>>(`/v1/reports${query({ state, ...page(cursor) })}`),
  get: (r: string) => get<t.ReportDetail>(`/v1/reports/${id(r)}`),
  save: (r: string, d: t.DraftInput) => put<t.ReportDetail>(`/v1/reports/${id(r)}/draft`, d),
  approve: (r: string, declared: boolean) => post<t.ReportDetail>(`/v1/reports/${id(r)}/approve`, { declared }),
  withdraw: (r: string, reason: string) => post<t.ReportDetail>(`/v1/reports/${id(r)}/withdraw`, { reason }),
  retry: (r: string) => post<t.ReportDetail>(`/v1/reports/${id(r)}/retry`),
  route: (r: string, authority: 'ncmec' | 'nca', reason: string) => post<t.ReportDetail>(`/v1/reports/${id(r)}/route`, { authority, reason }),
  supplement: (r: string, reason: string) => post<t.ReportDetail>(`/v1/reports/${id(r)}/supplement`, { reason }),
  refer: (c: string, to: t.Agency) => post<t.ReportDetail>(`/v1/cases/${id(c)}/referrals`, to),
  handOver: (r: string) => post<t.ReportDetail>(`/v1/reports/${id(r)}/hand-over`),
  reference: (r: string, reference: string, receipt: string) => post<t.ReportDetail>(`/v1/reports/${id(r)}/reference`, { reference, receipt }),
  reconcile: (r: string, reference: string, note: string) => post<t.ReportDetail>(`/v1/reports/${id(r)}/reconcile`, { reference, note }),
  mend: (r: string, reason: string) => post<t.ReportDetail>(`/v1/reports/${id(r)}/mend`, { reason }),
  call: (r: string, spoke_to: string, note: string) => post<t.ReportDetail>(`/v1/reports/${id(r)}/call`, { spoke_to, note }),
  bundle: (r: string, passphrase: string) => download('POST', `/v1/reports/${id(r)}/bundle`, { passphrase }),
  pdf: (r: string) => download('GET', `/v1/reports/${id(r)}/document`),
}

export const lists = {
  all: () => get<{ items: t.List[] }>('/v1/lists'),
  create: (l: t.NewList) => post<t.List>('/v1/lists', l),
  change: (name: string, c: { enabled?: boolean; threshold?: number; ratio?: number; off_until?: string }) => patch<t.List>(`/v1/lists/${id(name)}`, c),
  remove: (name: string) => del(`/v1/lists/${id(name)}`),
  import: (name: string, form: FormData) => upload<t.ImportResult>(`/v1/lists/${id(name)}/import`, form),
  signals: (name: string, cursor?: string) =>
    get<t.Page<t.Signal>>(`/v1/lists/${id(name)}/signals${query(page(cursor))}`),
  removeSignal: (name: string, s: string) => del(`/v1/lists/${id(name)}/signals/${id(s)}`),
  releaseSignal: (name: string, s: string) => post<void>(`/v1/lists/${id(name)}/signals/${id(s)}/release`, undefined),
}

export const exchanges = {
  all: () => get<{ items: t.Exchange[] }>('/v1/exchanges'),
  sync: (name: string) => post<t.Exchange>(`/v1/exchanges/${id(name)}/sync`),
  allow: (name: string) => post<t.Exchange>(`/v1/exchanges/${id(name)}/allow-removals`),
}

export const measures = {
  register: () => get<t.Register>('/v1/measures'),
  setProfile: (p: t.ServiceProfile) => put<t.Register>('/v1/measures/profile', p),
  history: (code: string) => get<{ items: t.MeasureHistory[] }>(`/v1/measures/record${query({ code })}`),
  record: (r: t.MeasureRecord) => put<{ items: t.MeasureHistory[] }>('/v1/measures/record', r),
}

export const statements = {
  list: (cursor?: string) => get<t.Page<t.Statement>>(`/v1/statements${query({ ...page(cursor) })}`),
  retry: (puid: string) => post<t.Statement>(`/v1/statements/${id(puid)}/retry`),
}

export const takedowns = {
  list: (state: string, cursor?: string) => get<t.Page<t.TakedownSummary> & { counts: t.TakedownCounts }>(`/v1/takedowns${query({ state, ...page(cursor) })}`),
  get: (n: string) => get<t.TakedownDetail>(`/v1/takedowns/${id(n)}`),
  decide: (n: string, d: t.TakedownDecision) => post<t.TakedownDetail>(`/v1/takedowns/${id(n)}/decision`, d),
  hold: (n: string) => post<t.TakedownDetail>(`/v1/takedowns/${id(n)}/hold`),
  move: (n: string) => post<t.TakedownDetail>(`/v1/takedowns/${id(n)}/case`),
  judge: (n: string, complaint: string, j: { upheld: boolean; reason?: string; note?: string }) =>
    post<t.TakedownDetail>(`/v1/takedowns/${id(n)}/complaints/${id(complaint)}/decision`, j),
  contact: (n: string, why: string) => post<{ contact: string }>(`/v1/takedowns/${id(n)}/contact`, { why }),
}

export const ledger = {
  entries: (subject: string, cursor?: string) =>
    get<t.Page<t.LedgerEntry>>(`/v1/ledger/entries${query({ subject, ...page(cursor) })}`),
  checkpoint: () => text('/v1/ledger/checkpoint'),
  proof: (entry: string) => get<t.LedgerProof>(`/v1/ledger/proof${query({ entry })}`),
}

export const webhooks = {
  all: () => get<{ items: t.Webhook[] }>('/v1/webhooks'),
  create: (w: { url: string; events?: string[] }) =>
    post<t.Webhook>('/v1/webhooks', w),
  remove: (w: string) => del(`/v1/webhooks/${id(w)}`),
  deliveries: (cursor?: string) => get<t.Page<t.Delivery>>(`/v1/webhooks/deliveries${query(page(cursor))}`),
  retry: (d: string) => post<void>(`/v1/webhooks/deliveries/${id(d)}/retry`),
}

export const people = {
  users: () => get<{ items: t.User[] }>('/v1/users'),
  addUser: (u: { name: string; role: t.Role }) => post<{ user: t.User; link: string }>('/v1/users', u),
  link: (u: string) => post<{ link: string }>(`/v1/users/${id(u)}/link`),
  changeUser: (u: string, c: { disabled?: boolean; role?: t.Role }) => patch<void>(`/v1/users/${id(u)}`, c),
  keys: () => get<{ items: t.Key[] }>('/v1/keys'),
  addKey: (k: { name: string; role: t.KeyRole }) =>
    post<{ id: string; name: string; role: string; key: string }>('/v1/keys', k),
  removeKey: (k: string) => del(`/v1/keys/${id(k)}`),
}
