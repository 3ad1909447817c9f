-- name: CreateWebhook :exec
insert into webhooks (id, url, secret, events, created_at, deleted_at) values ($1, $2, $3, $4, $5, 0);

-- name: Webhooks :many
select * from webhooks where deleted_at = 0 order by created_at, id;

-- name: Webhook :one
select * from webhooks where id = $1;

-- name: DeleteWebhook :execrows
update webhooks set deleted_at = $2 where id = $1 and deleted_at = 0;

-- name: AddDelivery :exec
insert into deliveries (id, webhook_id, event_id, event_type, subject, body, state, attempts, next_attempt_at, last_status, last_error, created_at, delivered_at)
values ($1, $2, $3, $4, $5, $6, 'pending', 0, $7, 0, '', $8, 0);

-- name: Delivery :one
select * from deliveries where id = $1;

-- name: Deliveries :many
select * from deliveries where (created_at < $1 or (created_at = $1 and id < $2)) order by created_at desc, id desc limit $3;

-- name: DeliveryDone :exec
update deliveries set state = 'delivered', attempts = attempts + 1, last_status = $2, last_error = '', next_attempt_at = 0, delivered_at = $3 where id = $1;

-- name: DeliveryFailed :exec
update deliveries set state = $2, attempts = attempts + 1, last_status = $3, last_error = $4, next_attempt_at = $5 where id = $1;

-- name: CancelDeliveries :execrows
update deliveries set state = 'cancelled' where subject = $1 and state = 'pending' and attempts = 0 and next_attempt_at > $2;

-- name: CountDeliveries :many
select state, count(*) as n from deliveries group by state;

-- name: OverdueDeliveries :many
select id from deliveries where state in ('pending', 'failing') and next_attempt_at > 0 and next_attempt_at < $1 order by id limit 1000;
