package cybertip

func (p *Person) validate(c check) {
	c.names(p.FirstName, p.LastName, 100)
	c.reach(p.Phone, p.Email, p.Address)
	c.age("age", p.Age)
	c.birth(p.DateOfBirth)
}

func (p *ContactPerson) validate(c check) {
	c.names(p.FirstName, p.LastName, 100)
	c.reach(p.Phone, p.Email, p.Address)
}

func (c check) names(first, last string, n int) {
	c.max("firstName", first, n)
	c.max("lastName", last, n)
}

// reach checks the ways to reach a person.
func (c check) reach(phones []Phone, emails []Email, addresses []Address) {
	for i := range phones {
		c.nth("phone", i).phone(&phones[i])
	}
	for i := range emails {
		c.nth("email", i).email(&emails[i])
	}
	for i := range addresses {
		c.nth("address", i).address(&addresses[i])
	}
}

func (c check) sightings(ips []IPCaptureEvent, devices []DeviceID) {
	for i := range ips {
		c.nth("ipCaptureEvent", i).ip(&ips[i])
	}
	for i := range devices {
		c.nth("deviceId", i).device(&devices[i])
	}
}

func (c check) disabled(t *AccountTemporarilyDisabled, p *AccountPermanentlyDisabled) {
	if t != nil {
		c := c.at("accountTemporarilyDisabled")
		c.disabledDates(t.DisabledDate, t.UserNotifiedDate)
		c.instant("reenabledDate", t.ReenabledDate)
		if t.ReenabledDate != nil && t.DisabledDate != nil {
			c.require("reenabledDate", t.ReenabledDate.Unix() > t.DisabledDate.Unix(), "must be after disabledDate")
		}
	}
	if p != nil {
		c.at("accountPermanentlyDisabled").disabledDates(p.DisabledDate, p.UserNotifiedDate)
	}
}

// disabledDates: the documentation wants disabledDate in the past and says
// nothing of the future of userNotifiedDate.
func (c check) disabledDates(disabled, notified *Time) {
	c.past("disabledDate", disabled)
	c.instant("userNotifiedDate", notified)
	if disabled != nil && notified != nil {
		c.require("userNotifiedDate", notified.Unix() >= disabled.Unix(), "must not be before disabledDate")
	}
}

// location: countryCode is required; in the United States the region is a
// state code and is required with a city.
func (c check) location(l *EstimatedLocation) {
	if l == nil {
		return
	}
	c = c.at("estimatedLocation")
	c.max("city", l.City, 255)
	c.max("region", l.Region, 255)
	if l.CountryCode == "" {
		c.fail("countryCode", "is required")
	}
	listed(c, "countryCode", l.CountryCode, Countries())
	if l.CountryCode == "US" {
		c.require("region", l.Region == "" || State(l.Region).Valid(), "must be a state code in the United States")
		c.require("region", l.City == "" || l.Region != "", "is required with a city in the United States")
	}
	c.past("timestamp", l.Timestamp)
}

// account is what the three roles of an account share.
type account struct {
	id, service, screenName string
	displayName, profileURL []string
	ips                     []IPCaptureEvent
	devices                 []DeviceID
	prior                   []int64
	temporarily             *AccountTemporarilyDisabled
	permanently             *AccountPermanentlyDisabled
	location                *EstimatedLocation
}

func (a account) validate(c check) {
	c.max("espIdentifier", a.id, 255)
	c.max("espService", a.service, 100)
	c.max("screenName", a.screenName, 256)
	c.texts("displayName", a.displayName, 255)
	c.urls("profileUrl", a.profileURL)
	c.sightings(a.ips, a.devices)
	c.reports("priorCTReports", a.prior)
	c.disabled(a.temporarily, a.permanently)
	c.location(a.location)
}

func (p *PersonOrUserReported) validate(c check) {
	if p.Person != nil {
		p.Person.validate(c.at("personOrUserReportedPerson"))
	}
	c.max("vehicleDescription", p.VehicleDescription, 300)
	account{p.ESPIdentifier, p.ESPService, p.ScreenName, p.DisplayName, p.ProfileURL, p.IPCaptureEvent,
		p.DeviceID, p.PriorCTReports, p.AccountTemporarilyDisabled, p.AccountPermanentlyDisabled,
		p.EstimatedLocation}.validate(c)
	c.max("groupIdentifier", p.GroupIdentifier, 255)
	c.associated(p.AssociatedAccount)
}

func (r *IntendedRecipient) validate(c check) {
	if r.Person != nil {
		r.Person.validate(c.at("intendedRecipientPerson"))
	}
	account{r.ESPIdentifier, r.ESPService, r.ScreenName, r.DisplayName, r.ProfileURL, r.IPCaptureEvent,
		r.DeviceID, r.PriorCTReports, r.AccountTemporarilyDisabled, r.AccountPermanentlyDisabled,
		r.EstimatedLocation}.validate(c)
	c.max("groupIdentifier", r.GroupIdentifier, 255)
}

func (v *Victim) validate(c check) {
	v.Person.validate(c.at("victimPerson"))
	account{v.ESPIdentifier, v.ESPService, v.ScreenName, v.DisplayName, v.ProfileURL, v.IPCaptureEvent,
		v.DeviceID, v.PriorCTReports, v.AccountTemporarilyDisabled, v.AccountPermanentlyDisabled,
		v.EstimatedLocation}.validate(c)
	c.associated(v.AssociatedAccount)
}

func (c check) associated(list []AssociatedAccount) {
	for i := range list {
		list[i].validate(c.nth("associatedAccount", i))
	}
}

func (a *AssociatedAccount) validate(c check) {
	const n = 256
	if a.Type == "" {
		c.fail("type", "is required")
	}
	listed(c, "type", a.Type, AssociatedAccountTypes())
	if a.Platform != nil {
		c.max("platform", a.Platform.Name, n)
	}
	c.names(a.FirstName, a.LastName, n)
	c.max("middleName", a.MiddleName, n)
	c.age("approximateAge", a.ApproximateAge)
	c.birth(a.DateOfBirth)
	c.require("dateOfBirth", a.DateOfBirth == nil || a.ApproximateAge == nil, "excludes approximateAge")
	c.reach(a.Phone, a.Email, a.Address)
	c.max("espService", a.ESPService, n)
	c.max("espIdentifier", a.ESPIdentifier, n)
	c.urls("profileUrl", a.ProfileURL)
	c.max("screenName", a.ScreenName, n)
	c.texts("displayName", a.DisplayName, 255)
	c.max("groupIdentifier", a.GroupIdentifier, n)
	c.disabled(a.AccountTemporarilyDisabled, a.AccountPermanentlyDisabled)
	c.sightings(a.IPCaptureEvent, a.DeviceID)
	c.reports("priorCTReport", a.PriorCTReport)
}
