-- Passes over fire times of jobs that a pause holds back: takes away what was written of them before `before` and has not started, moves their next fire
-- times on, and records what that was as missed, in one entry a job. For each job only if its version and next fire time are those that the other one was
-- computed from. Only while the pause is there; with the leader's `epoch`, while it is over and nobody has let anything go on. Doing it again changes nothing.
local refused = founded_otherwise()
if refused then return refused end
local now = clock()
local pause = arg.prefix .. 'pause:' .. arg.name
local there, noticed = redis.call('EXISTS', pause) == 1, redis.call('HGET', key.pauses, arg.name) or ''
if arg.epoch ~= '' then
  local epoch = redis.call('GET', key.epoch)
  if epoch ~= arg.epoch then return refuse('STALE_EPOCH', 'The term ' .. arg.epoch .. ' is over; the latest is ' .. (epoch or 'none') .. '.') end
  if there or not string.find(noticed, '^%d+ %d+$') then return { int(now), 0, '' } end
elseif not there then return { int(now), 0, '' } end
step.begin('jobs', 'runs', 'unstarted')
if arg.epoch == '' then redis.call('PEXPIRE', pause, 30000, 'GT') end -- one that ends by itself does not end half-way

local latest = padded(math.min(tonumber(arg.before), 9999999999999))

-- Takes away the runs of a job's fire times before `before`. Answers the first, the last, and how many.
local function withdraw_before(job, lane)
  local first, last, count
  count = 0
  repeat
    local runs = redis.call('ZRANGEBYLEX', key.unstarted, '[' .. job .. '@', '(' .. job .. '@' .. latest, 'LIMIT', 0, TAKE)
    if #runs > 0 then
      withdraw(runs, lane)
      first, last, count = first or int(fire_time_of(runs[1])), int(fire_time_of(runs[#runs])), count + #runs
    end
  until #runs < TAKE
  return first, last, count
end

-- What is known of the parents of fire times that are passed over: should one succeed, or be retried, later, nothing of them is written.
local function forget_parents(job, record)
  if not is_tied() or extra(record, 'nt') then return end
  in_chunks('ZREM', key.met, redis.call('ZRANGEBYLEX', key.met, '[' .. job .. '@', '(' .. job .. '@' .. latest), TAKE)
end

local function move_cursor(job, index, next_time)
  if next_time ~= '' then
    redis.call('ZADD', index, next_time, job)
    return
  end
  redis.call('ZREM', index, job)
  -- One that counts from completion has another when this has been recorded.
  if redis.call('HEXISTS', key.paced, job) == 0 then redis.call('HSET', key.exhaustion, job, 'ending') end
end

-- The next fire time of a job that counts from completion, which recording has written, is not before `before` either.
local function pace_from(job)
  local last = string.match(redis.call('HGET', key.paced, job) or '', '^%d+:(%S-):')
  local next_time = last and redis.call('ZSCORE', key.due, job)
  if not next_time or tonumber(next_time) >= tonumber(arg.before) then return end
  if last ~= '' and tonumber(arg.before) > tonumber(last) then
    redis.call('ZREM', key.due, job)
    redis.call('HSETNX', key.exhaustion, job, 'ending')
  else redis.call('ZADD', key.due, arg.before, job) end
end

local function pass_over(job, record, index, cursor, next_time, count, to, exact)
  local first, last, taken = withdraw_before(job, record.lane)
  if count > 0 then
    first, last = first or cursor, to
    move_cursor(job, index, next_time)
  end
  if taken + count == 0 then return end
  forget_parents(job, record)
  local detail = '{"reason":"paused","count":' .. int(taken + count) .. ',"to":' .. last .. (exact == '0' and ',"exact":false}' or '}')
  remember_job(job, entry(padded(tonumber(first)), 0, now, 'm', 0, 0, '-', detail), '', '', now)
  unblock(job) -- the one that those left wait for may be among those gone
  pace_from(job)
end

local done = {}
for job, version, expected, next_time, count, to, exact in each(list.jobs) do
  local record = parse(redis.call('HGET', key.jobs, job) or '')
  local due, frozen = redis.call('ZSCORE', key.due, job), redis.call('ZSCORE', key.frozen, job)
  local cursor = due or frozen
  local stands = cursor and int(tonumber(cursor)) or ''
  if record and string.match(redis.call('HGET', key.state, job) or '', '^%S+') == version and stands == expected then
    pass_over(job, record, due and key.due or key.frozen, stands, next_time, tonumber(count), to, exact)
    done[#done + 1] = '1'
  else done[#done + 1] = '0' end
end
if arg.epoch ~= '' and arg.last == '1' then redis.call('HSET', key.pauses, arg.name, noticed .. ' {}') end
settle_exhausted()
if flush_lanes() then publish(int(now)) end
flush_events(now)
return { int(now), 1, table.concat(done) }
