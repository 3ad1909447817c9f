-- name: LikelyPictures :many
-- Pictures that have a band in common with a hash: all within 15 bits of it, and
-- others.
select p.id, p.pdq from pictures p where p.id in (select b.picture_id from picture_bands b where b.band in (sqlc.arg(band0), sqlc.arg(band1), sqlc.arg(band2), sqlc.arg(band3), sqlc.arg(band4), sqlc.arg(band5), sqlc.arg(band6), sqlc.arg(band7), sqlc.arg(band8), sqlc.arg(band9), sqlc.arg(band10), sqlc.arg(band11), sqlc.arg(band12), sqlc.arg(band13), sqlc.arg(band14), sqlc.arg(band15)))
order by p.seen_at, p.id;

-- name: PictureOfFile :one
select i.picture_id from items i where i.sha256 = $1 and i.picture_id <> '' order by i.received_at, i.id limit 1;

-- name: AddPicture :exec
insert into pictures (id, pdq, seen_at) values ($1, $2, $3);

-- name: AddPictureBand :exec
insert into picture_bands (band, picture_id) values ($1, $2) on conflict (band, picture_id) do nothing;

-- name: SetPicture :exec
update items set picture_id = $2 where id = $1;

-- name: CasesOfPictures :many
-- Open cases that hold the same pictures as another case, all of them and nothing
-- else: a decision is about a case, and says nothing of one picture among several.
select c.* from cases c
where c.state = 'open' and c.id <> sqlc.arg(case_id) and c.canary = sqlc.arg(canary)
  and c.id in (select i.case_id from items i where i.picture_id <> '' and i.picture_id in
    (select h.picture_id from items h where h.case_id = sqlc.arg(case_id)))
  and not exists (select 1 from items j where j.case_id = c.id and (j.picture_id = '' or j.picture_id not in
    (select k.picture_id from items k where k.case_id = sqlc.arg(case_id))))
  and not exists (select 1 from items m where m.case_id = sqlc.arg(case_id) and (m.picture_id = '' or m.picture_id not in
    (select n.picture_id from items n where n.case_id = c.id)))
order by c.priority, c.opened_at, c.id limit 200;

-- name: DecisionsOfPictures :many
-- Decisions that stand, by people who looked, on other cases which hold the same
-- pictures as this one, all of them and nothing else; latest first.
select d.* from decisions d join cases c on c.id = d.case_id
where d.undone_at = 0 and d.rests_on = '' and d.case_id <> sqlc.arg(case_id) and c.canary = sqlc.arg(canary)
  and d.case_id in (select k.case_id from items k where k.picture_id <> '' and k.picture_id in
    (select m.picture_id from items m where m.case_id = sqlc.arg(case_id)))
  and not exists (select 1 from items i where i.case_id = sqlc.arg(case_id) and (i.picture_id = '' or i.picture_id not in
    (select j.picture_id from items j where j.case_id = d.case_id)))
  and not exists (select 1 from items n where n.case_id = d.case_id and (n.picture_id = '' or n.picture_id not in
    (select o.picture_id from items o where o.case_id = sqlc.arg(case_id))))
order by d.at desc, d.id desc limit 200;
