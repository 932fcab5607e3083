-- Reading records, which are written so that a script need not look into what only nodes and people read.
--
-- record   `<version> <queue> <task> <priority> <delivery> <overlap> <grace> <catchUp> <maxLost>`, then ` <name>=<value>` for what
--          is not as usual (mr: maxRuns, dl=0: no dead letter, ck: concurrencyKey, cl: its limit, cw=s: skip when full, kr=<max>:<ms>: its
--          rate, ac=<ms>:<endAt>:<maxRuns>: the interval after completion, we=r: removed when exhausted, rf=n: goes on from now after a pause, tg=<tag>,…: tags,
--          nt=1: no trigger, dp=<job>,…: dependsOn, th=<job>,…: then,
--          rt=<runs>:<failed>:<age>:<results>: what is kept, - for as usual), LF body; the body is opaque.
--          delivery r|l, grace in ms or -, catchUp none|latest|earliest|all:<max>
--          overlap s(kip) a(llow) o: queue-one, q: queue-all, c: cancel-running, r: replace
-- run id   `<job>@<fire time>` for a fire time, `<job>@<time>-<suffix>` by hand, of 8 characters, then a letter if it has an overlap of its own, or f by force;
--          else an enqueued run
-- lane     `<queue>@<task>`: the ready runs of one task in one queue
-- entry    `<at> <startedAt> <finishedAt> <state> <attempt> <token> <node> <detail>`, an earlier attempt on each further line
--          state s(ucceeded) f(ailed) t(imed-out) c(ancelled) l(ost) k (skipped) m(issed)

local PRIORITY = 4398046511104 -- 2^42: one step of priority outweighs any difference in time until 2109
local TAKE = 1000 -- most runs that one step takes out of one job

local function job_of(run)
  local at = string.find(run, '@', 1, true)
  return at and at > 1 and string.sub(run, 1, at - 1) or nil
end
local function at_of(run) return string.match(run, '@(.+)$') end
local function fire_time_of(run) return tonumber(string.match(run, '@(%d+)')) end
-- When a run was to start: an enqueued one says so in its record, unless somebody else has written that.
local function due_time_of(run, record, now)
  return fire_time_of(run) or tonumber(string.match(record.text, '\n{"at":(%d+)') or nil) or now
end
-- Of a run by hand that was asked for under another overlap than its job's.
local function own_overlap_of(run) return string.match(run, '@%d+%-%w%w%w%w%w%w%w%w([acoqrs])$') end
-- Whether a run may start although it is paused: at its first attempt, if it was asked for by force.
local function is_forced(run, attempt)
  if string.byte(run, -1) ~= 102 or not string.find(run, '@%d+%-%w%w%w%w%w%w%w%wf$') then return false end
  return (attempt or tonumber(string.match(redis.call('HGET', key.attempts, run) or '1', '^%d+'))) == 1
end
local function is_fire_time(run) return string.find(run, '@%d+$') ~= nil end

local head_of, parse

do -- a script has room for 200 names: those that are used in here alone take none of it
  local parsed_heads = {} -- what stands before a record's body -> how what was read of it is looked up; false: it is no record

  -- What stands before a record's body, the same for all that say the same there; nil for a text that is no record: whoever wrote it, it must not
  -- stop what else a step has to do.
  function head_of(record)
    local at = string.find(record, '\n', 1, true)
    if not at then return nil end
    local head = string.sub(record, 1, at - 1)
    if parsed_heads[head] == nil then
      local version, queue, task, priority, delivery, overlap, grace, catch_up, max_lost, extras =
        string.match(head, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)(.*)$')
      local is_one = version and string.find(priority, '^%-?%d+$') and #priority <= 6 and tonumber(max_lost)
      local found = is_one and {
        version = version, lane = queue .. '@' .. task, queue = queue, task = task, extras = extras, priority = tonumber(priority), delivery = delivery,
        overlap = overlap, grace = tonumber(grace), catch_up = catch_up, max_lost = tonumber(max_lost), body = at + 1,
      }
      if found then found.__index = found end
      parsed_heads[head] = found or false
    end
    return parsed_heads[head] or nil
  end

  -- The same with the whole text.
  function parse(record)
    local head = head_of(record)
    return head and setmetatable({ text = record }, head) or nil
  end
end

-- An option that is not as usual, or nil.
local function extra(record, name)
  if record.extras == '' then return nil end
  return string.match(record.extras, ' ' .. name .. '=(%S+)')
end

local texts_of_jobs = {} -- the records of jobs that this step has read, as they were then

-- Parsed records of up to 1000 runs, by run; none for a run whose job or record is gone.
local function records_of(runs)
  local jobs, own, found, parsed = {}, {}, {}, {}
  for _, run in ipairs(runs) do
    local job = job_of(run)
    if job then jobs[#jobs + 1] = job; jobs[#jobs + 1] = run else own[#own + 1] = run end
  end
  if #own > 0 then
    local texts = redis.call('HMGET', key.runs, unpack(own))
    for i, run in ipairs(own) do if texts[i] then found[run] = parse(texts[i]) end end
  end
  if #jobs > 0 then
    local ids = {}
    for i = 1, #jobs, 2 do
      if parsed[jobs[i]] == nil then parsed[jobs[i]] = false; ids[#ids + 1] = jobs[i] end
    end
    local texts = redis.call('HMGET', key.jobs, unpack(ids))
    for i, job in ipairs(ids) do
      if texts[i] then
        parsed[job] = parse(texts[i]) or false
        texts_of_jobs[job] = texts[i]
      end
    end
    for i = 1, #jobs, 2 do found[jobs[i + 1]] = parsed[jobs[i]] or nil end
  end
  return found
end

-- A message that cannot be sent costs time, since nodes look for themselves now and then; it must not undo or half-undo a step.
local function publish(message) redis.pcall('PUBLISH', key.wake, message) end

-- Runs that this step has taken out of wherever they were: they are not to be looked at again, though they may have been read before.
local dropped = {}
